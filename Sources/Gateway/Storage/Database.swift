import CSQLite
import LinuxIO

/// One connection to an SQLite database.
///
/// The journal is a write-ahead log with `synchronous=FULL`. A committed transaction survives the
/// death of the process and the loss of power: the gateway forgets an ended flow as soon as its
/// batch is acknowledged, so "committed" has to mean "on the device". `NORMAL` would lose what the
/// kernel has not written back yet, up to half a minute. The price is one fdatasync per commit on
/// a worker thread; batches that arrive meanwhile wait and are merged, so it bounds itself.
///
/// ## Concurrency
/// Not `Sendable`: one thread at a time, which the owner sees to (a mutex, a worker). Other
/// connections to the same file, in this process or another, may read at any time.
package final class Database {
    /// What a connection may do.
    package enum Access: Sendable {
        /// Read and write; the file is made where there is none.
        case readWrite
        /// Read only; a missing file is an error.
        case readOnly
    }

    /// A path for a database that is nowhere but in this process, and gone with it.
    package static let inMemory = ":memory:"
    /// The path it was opened at.
    package let path: String
    /// Called before each run of a statement. Tests end the process in it.
    package var willRun: (() -> Void)?
    private let handle: OpaquePointer
    private var statements: [String: Statement] = [:]
    private var isInTransaction = false

    /// Opens a database; a new file can be read by its owner only.
    package init(
        path: String, access: Access = .readWrite, busyMilliseconds: Int32 = 5000
    ) throws(DatabaseError) {
        if access == .readWrite, path != Self.inMemory { try Self.makeFile(at: path) }
        var handle: OpaquePointer?
        let flags =
            switch access {
            case .readWrite: SQLITE_OPEN_READWRITE
            case .readOnly: SQLITE_OPEN_READONLY
            }
        let result = sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_NOMUTEX, nil)
        guard let handle, result == SQLITE_OK else {
            let error = Self.error(of: handle, in: "open \(path)", fallback: result)
            sqlite3_close_v2(handle)
            throw error
        }
        self.path = path
        self.handle = handle
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, busyMilliseconds)
        try execute("PRAGMA foreign_keys = ON")
        switch access {
        case .readWrite:
            try useWriteAheadLog(attempts: 50)
            try execute("PRAGMA synchronous = FULL")
            try execute("PRAGMA journal_size_limit = 67108864")
            // 512 KiB of pages instead of 2 MiB: batches touch few, and memory is counted per flow.
            try execute("PRAGMA cache_size = -512")
        case .readOnly:
            // The first read tells whether it is a database at all.
            try execute("SELECT count(*) FROM sqlite_schema")
        }
    }

    deinit {
        for statement in statements.values { statement.finalize() }
        sqlite3_close_v2(handle)
    }

    private static func makeFile(at path: String) throws(DatabaseError) {
        do {
            try RegularFile.makeDirectories(above: path)
            _ = try RegularFile(path: path)
        } catch {
            throw DatabaseError(
                code: SQLITE_CANTOPEN, extendedCode: SQLITE_CANTOPEN, message: "\(error)",
                operation: "open \(path)")
        }
    }

    /// Two processes that open a new file at once both want to change its mode; SQLite does not
    /// wait here by itself, because it could wait forever.
    private func useWriteAheadLog(attempts: Int) throws(DatabaseError) {
        for attempt in 1...attempts {
            do throws(DatabaseError) {
                return try execute("PRAGMA journal_mode = WAL")
            } catch {
                guard error.isBusy, attempt < attempts else { throw error }
                sqlite3_sleep(20)
            }
        }
    }

    // MARK: Statements

    /// A statement, prepared once per text and kept.
    package func statement(_ text: String) throws(DatabaseError) -> Statement {
        if let known = statements[text] { return known }
        let statement = try prepare(text)
        statements[text] = statement
        return statement
    }

    /// Runs one statement for its effect; it is not kept.
    package func execute(_ text: String, _ values: Value...) throws(DatabaseError) {
        let statement = try prepare(text)
        defer { statement.finalize() }
        for (index, value) in values.enumerated() { statement.bind(Int32(index + 1), value) }
        try statement.run()
    }

    /// Runs a query, kept by its text, and maps its rows.
    package func rows<Row>(
        _ text: String, _ values: [Value] = [], _ row: (Statement) throws -> Row
    ) throws -> [Row] {
        let statement = try statement(text)
        defer { statement.reset() }
        for (index, value) in values.enumerated() { statement.bind(Int32(index + 1), value) }
        var rows: [Row] = []
        while try statement.step() { rows.append(try row(statement)) }
        return rows
    }

    /// How many rows the last INSERT, UPDATE or DELETE that has run to its end changed itself.
    package var changedRows: Int { Int(sqlite3_changes(handle)) }

    /// A query's single number; nil where there is no row or it is NULL.
    package func integer(_ text: String, _ values: Value...) throws -> Int64? {
        try rows(text, values) { $0.isNull(0) ? nil : $0.integer(0) }.first ?? nil
    }

    private func prepare(_ text: String) throws(DatabaseError) -> Statement {
        var prepared: OpaquePointer?
        let result = sqlite3_prepare_v3(handle, text, -1, 0, &prepared, nil)
        guard result == SQLITE_OK, let prepared else {
            throw Self.error(of: handle, in: text)
        }
        return Statement(handle: prepared, database: handle, text: text) { [weak self] in
            self?.willRun?()
        }
    }

    // MARK: Transactions

    /// All of the body or nothing. A throw rolls back; so does the death of the process. Writers
    /// queue at its beginning, so nothing inside fails for being late.
    package func transaction<Result>(_ body: () throws -> Result) throws -> Result {
        precondition(!isInTransaction, "transactions do not nest")
        try statement("BEGIN IMMEDIATE").run()
        isInTransaction = true
        defer { isInTransaction = false }
        do {
            let result = try body()
            try statement("COMMIT").run()
            return result
        } catch {
            // Some failures (a full disk) have rolled back already.
            if sqlite3_get_autocommit(handle) == 0 {
                // The first failure is the one to tell; SQLite rolls back by itself at the latest
                // when the connection is closed.
                try? statement("ROLLBACK").run()
            }
            throw error
        }
    }

    // MARK: Errors

    /// The connection's last error.
    static func error(
        of handle: OpaquePointer?, in operation: String, fallback: Int32 = SQLITE_ERROR
    ) -> DatabaseError {
        guard let handle else {
            return DatabaseError(
                code: fallback & 0xff, extendedCode: fallback, message: "out of memory",
                operation: operation)
        }
        return DatabaseError(
            code: sqlite3_errcode(handle) & 0xff, extendedCode: sqlite3_extended_errcode(handle),
            message: String(cString: sqlite3_errmsg(handle)),
            operation: String(operation.prefix(80)))
    }
}
