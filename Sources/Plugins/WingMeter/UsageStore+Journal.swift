import Storage

extension UsageStore {
    /// What the record file was promised last, or nil.
    func lastPromise() throws -> PromisedFile.Promise? {
        try database.rows(
            "SELECT device, inode, position, lines FROM wing_journal WHERE meter = ?1",
            [.integer(meter)]
        ) { row in
            PromisedFile.Promise(
                device: UInt64(bitPattern: row.integer(0)),
                inode: UInt64(bitPattern: row.integer(1)), offset: row.integer(2),
                bytes: row.blob(3))
        }.first
    }

    /// Stores a promise, in the transaction of what it tells about.
    func store(_ promise: PromisedFile.Promise) throws {
        let statement = try database.statement(
            """
            INSERT INTO wing_journal (meter, device, inode, position, lines)
            VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (meter) DO UPDATE SET device = excluded.device, inode = excluded.inode,
                position = excluded.position, lines = excluded.lines
            """)
        statement.bind(1, meter)
        statement.bind(2, Int64(bitPattern: promise.device))
        statement.bind(3, Int64(bitPattern: promise.inode))
        statement.bind(4, promise.offset)
        statement.bind(5, promise.bytes)
        try statement.run()
    }

    /// Everything promised is in the file and on the device: nothing to repeat.
    func clearPromise() throws {
        try database.execute("DELETE FROM wing_journal WHERE meter = ?1", .integer(meter))
    }
}
