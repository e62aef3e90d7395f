import CSQLite

/// A prepared statement: bind, step, read, reset. Columns count from 0, parameters from 1.
///
/// ## Concurrency
/// Belongs to its `Database` and to whoever has that. Only one run of it at a time.
package final class Statement {
    private let handle: OpaquePointer
    private let database: OpaquePointer
    private let text: String
    private let willRun: (() -> Void)?

    /// Takes over a prepared handle; the connection outlives it.
    init(
        handle: OpaquePointer, database: OpaquePointer, text: String, willRun: (() -> Void)?
    ) {
        self.handle = handle
        self.database = database
        self.text = text
        self.willRun = willRun
    }

    /// Ends it; the owner calls this before it closes the connection.
    func finalize() { sqlite3_finalize(handle) }

    // MARK: Parameters

    /// Binds a whole number.
    package func bind(_ index: Int32, _ value: Int64) {
        check(sqlite3_bind_int64(handle, index, value))
    }

    /// Binds a counter. Counters up to 2^63 - 1 can be stored: 292 years at 1 GB/s.
    package func bind(_ index: Int32, counter: UInt64) {
        precondition(counter <= UInt64(Int64.max), "a counter over 2^63 - 1 cannot be stored")
        bind(index, Int64(counter))
    }

    /// Binds text; nil is NULL.
    package func bind(_ index: Int32, _ value: String?) {
        guard var value else { return bindNull(index) }
        let result = value.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                // An empty buffer may have no address, which SQLite would take for NULL.
                guard let start = characters.baseAddress else {
                    return sqlite3_bind_text(handle, index, "", 0, copied)
                }
                return sqlite3_bind_text(handle, index, start, Int32(characters.count), copied)
            }
        }
        check(result)
    }

    /// Binds bytes.
    package func bind(_ index: Int32, _ value: [UInt8]) {
        check(
            value.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress, !bytes.isEmpty else {
                    return sqlite3_bind_zeroblob(handle, index, 0)
                }
                return sqlite3_bind_blob64(handle, index, start, UInt64(bytes.count), copied)
            })
    }

    /// Binds NULL.
    package func bindNull(_ index: Int32) { check(sqlite3_bind_null(handle, index)) }

    /// Binds a value of any kind.
    package func bind(_ index: Int32, _ value: Value) {
        switch value {
        case .null: bindNull(index)
        case .integer(let value): bind(index, value)
        case .text(let value): bind(index, value)
        case .blob(let value): bind(index, value)
        }
    }

    // MARK: Running

    /// Runs to the next row; false at the end. A failure resets the statement.
    package func step() throws(DatabaseError) -> Bool {
        if sqlite3_stmt_busy(handle) == 0 { willRun?() }
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let error = Database.error(of: database, in: text)
            sqlite3_reset(handle)
            throw error
        }
    }

    /// Makes it ready for the next run; bound values stay.
    package func reset() { sqlite3_reset(handle) }

    /// Runs it for its effect.
    package func run() throws(DatabaseError) {
        defer { reset() }
        while try step() {}
    }

    // MARK: Columns

    /// A column as a whole number; NULL is 0.
    package func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    /// A column that holds a counter.
    package func counter(_ column: Int32) -> UInt64 {
        UInt64(max(0, sqlite3_column_int64(handle, column)))
    }

    /// A column as text; nil for NULL.
    package func text(_ column: Int32) -> String? {
        guard let start = sqlite3_column_text(handle, column) else { return nil }
        let count = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// A column's bytes; empty for NULL.
    package func blob(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        return [UInt8](
            UnsafeRawBufferPointer(
                start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    /// Whether a column is NULL.
    package func isNull(_ column: Int32) -> Bool {
        sqlite3_column_type(handle, column) == SQLITE_NULL
    }

    /// Binding fails only for an index the statement does not have, or one that is running.
    private func check(_ result: Int32) {
        precondition(result == SQLITE_OK, "a value was bound to a wrong place in: \(text)")
    }
}

/// A value for a parameter.
package enum Value: Hashable, Sendable {
    /// NULL.
    case null
    /// A whole number.
    case integer(Int64)
    /// Text.
    case text(String)
    /// Bytes.
    case blob([UInt8])
}

/// Tells SQLite to copy what it is given (`SQLITE_TRANSIENT`, a macro Swift does not see).
private let copied = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
