import CSQLite

/// What a database refused to do, and why.
package struct DatabaseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// SQLite's primary result code.
    package let code: Int32
    /// SQLite's extended result code.
    package let extendedCode: Int32
    /// SQLite's sentence.
    package let message: String
    /// What was tried: a statement's beginning, or "open PATH".
    package let operation: String

    package init(code: Int32, extendedCode: Int32, message: String, operation: String) {
        self.code = code
        self.extendedCode = extendedCode
        self.message = message
        self.operation = operation
    }

    /// No room: the device, a quota or the database's own bound.
    package var isDiskFull: Bool { code == SQLITE_FULL }
    /// Somebody else held the database for longer than the busy timeout.
    package var isBusy: Bool { code == SQLITE_BUSY || code == SQLITE_LOCKED }
    /// The file is damaged, or no database at all.
    package var isCorrupt: Bool { code == SQLITE_CORRUPT || code == SQLITE_NOTADB }
    /// There is no such file, or it may not be opened.
    package var isUnreachable: Bool { code == SQLITE_CANTOPEN || code == SQLITE_PERM }

    /// One sentence without a full stop.
    package var description: String {
        "\(operation): \(message) (SQLite \(extendedCode))"
    }
}

/// Why a schema could not be brought up to date.
package enum SchemaError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The tables were written by a later version of this program.
    case newer(schema: String, found: Int64, known: Int64)

    /// One sentence without a full stop.
    package var description: String {
        switch self {
        case .newer(let schema, let found, let known):
            "the tables of '\(schema)' have version \(found) and this program knows \(known): "
                + "use the program that wrote them, or a newer one"
        }
    }
}
