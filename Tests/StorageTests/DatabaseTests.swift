import Glibc
import Storage
import Testing

@Suite("A database")
struct DatabaseTests {
    private let folder = Folder()

    private func open(_ name: String = "a.db") throws -> Database {
        try Database(path: folder.file(name), busyMilliseconds: 50)
    }

    @Test("keeps whole numbers, text, bytes and nothing as they were")
    func values() throws {
        let database = try open()
        try database.execute("CREATE TABLE t (i, s, b, n)")
        let bytes = [UInt8](0...255)
        let text = "naïve \u{0} 🐟"
        try database.execute(
            "INSERT INTO t VALUES (?1, ?2, ?3, ?4), (?5, '', ?6, ?4)", .integer(.min), .text(text),
            .blob(bytes), .null, .integer(.max), .blob([]))
        let rows = try database.rows("SELECT i, s, b, n FROM t ORDER BY i") { row in
            (row.integer(0), row.text(1), row.blob(2), row.isNull(3), row.isNull(2))
        }
        #expect(rows.map(\.0) == [.min, .max])
        #expect(rows.map(\.1) == [text, ""])
        #expect(rows.map(\.2) == [bytes, []])
        #expect(rows.map(\.3) == [true, true])
        #expect(rows.map(\.4) == [false, false])
    }

    @Test("keeps counters up to 2^63 - 1 and refuses larger ones")
    func counters() async throws {
        let database = try open()
        try database.execute("CREATE TABLE t (i)")
        let statement = try database.statement("INSERT INTO t VALUES (?1)")
        statement.bind(1, counter: UInt64(Int64.max))
        try statement.run()
        #expect(try database.rows("SELECT i FROM t") { $0.counter(0) } == [UInt64(Int64.max)])
        await #expect(processExitsWith: .failure) { [path = folder.file("b.db") as String] in
            let database = try Database(path: path)
            try database.statement("SELECT ?1").bind(1, counter: UInt64(Int64.max) + 1)
        }
    }

    @Test("can be read by its owner only, wherever it is made")
    func mode() throws {
        let path = folder.file("deep/er/a.db")
        let database = try Database(path: path)
        try database.execute("CREATE TABLE t (i)")
        for name in [path, path + "-wal", path + "-shm"] {
            var facts = stat()
            #expect(stat(name, &facts) == 0, "\(name)")
            #expect(facts.st_mode & 0o777 == 0o600, "\(name)")
        }
    }

    @Test("undoes the whole transaction that throws, and goes on")
    func rollback() throws {
        struct Stop: Error {}
        let database = try open()
        try database.execute("CREATE TABLE t (i)")
        #expect(throws: Stop.self) {
            try database.transaction {
                try database.execute("INSERT INTO t VALUES (1)")
                throw Stop()
            }
        }
        try database.transaction { try database.execute("INSERT INTO t VALUES (2)") }
        #expect(try database.rows("SELECT i FROM t") { $0.integer(0) } == [2])
    }

    @Test("tells a full disk from other failures, loses nothing and works again with room")
    func diskFull() throws {
        let database = try open()
        try database.execute("CREATE TABLE t (i, b)")
        try database.execute("INSERT INTO t VALUES (1, x'00')")
        try database.execute("PRAGMA max_page_count = 10")
        let insert = {
            try database.transaction {
                for number in 2...50 {
                    try database.execute(
                        "INSERT INTO t VALUES (?1, zeroblob(4000))", .integer(Int64(number)))
                }
            }
        }
        let error = #expect(throws: DatabaseError.self, performing: insert)
        #expect(error?.isDiskFull == true)
        #expect(error?.isBusy == false)
        #expect(try database.integer("SELECT count(*) FROM t") == 1)
        try database.execute("PRAGMA max_page_count = 10000")
        try insert()
        #expect(try database.integer("SELECT count(*) FROM t") == 50)
    }

    @Test("waits for another writer no longer than it was told, and says that it was busy")
    func busy() throws {
        let one = try open()
        let other = try open()
        try one.execute("CREATE TABLE t (i)")
        let error = #expect(throws: DatabaseError.self) {
            try one.transaction { try other.transaction {} }
        }
        #expect(error?.isBusy == true)
        try other.transaction { try other.execute("INSERT INTO t VALUES (1)") }
    }

    @Test("reads while another connection writes, and refuses to write when opened for reading")
    func readOnly() throws {
        let writer = try open()
        try writer.execute("CREATE TABLE t (i)")
        let reader = try Database(path: folder.file("a.db"), access: .readOnly)
        try writer.transaction {
            try writer.execute("INSERT INTO t VALUES (1)")
            #expect(try reader.integer("SELECT count(*) FROM t") == 0)
        }
        #expect(try reader.integer("SELECT count(*) FROM t") == 1)
        #expect(throws: DatabaseError.self) { try reader.execute("INSERT INTO t VALUES (2)") }
    }

    @Test("is not made by opening it for reading")
    func missing() {
        let error = #expect(throws: DatabaseError.self) {
            try Database(path: folder.file("none.db"), access: .readOnly)
        }
        #expect(error?.isUnreachable == true)
        #expect(Folder.contents(folder.file("none.db")).isEmpty)
    }

    @Test(
        "is refused where the file is something else",
        arguments: [Database.Access.readWrite, .readOnly])
    func corrupt(_ access: Database.Access) {
        let path = folder.file("noise.db")
        Folder.write([UInt8](repeating: 0x55, count: 8192), to: path)
        let error = #expect(throws: DatabaseError.self) {
            try Database(path: path, access: access)
        }
        #expect(error?.isCorrupt == true)
        #expect(Folder.contents(path) == [UInt8](repeating: 0x55, count: 8192))
    }

    @Test("says which statement failed and why")
    func message() throws {
        let database = try open()
        let error = #expect(throws: DatabaseError.self) {
            try database.execute("SELECT i FROM nowhere")
        }
        #expect(error?.description == "SELECT i FROM nowhere: no such table: nowhere (SQLite 1)")
    }

    @Test("is refused where a folder is")
    func folderInTheWay() {
        let error = #expect(throws: DatabaseError.self) { try Database(path: folder.path) }
        #expect(error?.isUnreachable == true)
    }
}
