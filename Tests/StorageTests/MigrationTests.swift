import PluginKit
import Storage
import Testing

@Suite("Migrations")
struct MigrationTests {
    private let folder = Folder()
    private let first = Migration("tables", ["CREATE TABLE a (i)", "INSERT INTO a VALUES (1)"])
    private let second = Migration("column", ["ALTER TABLE a ADD COLUMN j"])

    private func schema(_ migrations: Migration..., name: String = "test") -> Schema {
        Schema(name: name, migrations: migrations)
    }

    private func open() throws -> Database { try Database(path: folder.file("m.db")) }

    @Test("are applied in order, each once, across openings")
    func order() throws {
        try open().migrate(schema(first))
        let database = try open()
        try database.migrate(schema(first, second))
        try database.migrate(schema(first, second))
        #expect(try database.version(of: schema()) == 2)
        #expect(try database.integer("SELECT count(*) FROM a WHERE j IS NULL") == 1)
    }

    @Test("keep a version for each schema")
    func names() throws {
        let database = try open()
        try database.migrate(schema(first, second))
        try database.migrate(schema(Migration("b", ["CREATE TABLE b (i)"]), name: "other"))
        #expect(try database.version(of: schema()) == 2)
        #expect(try database.version(of: schema(name: "other")) == 1)
    }

    @Test("refuse a database of a later version and leave it alone")
    func newer() throws {
        let database = try open()
        try database.migrate(schema(first, second))
        let error = #expect(throws: SchemaError.self) { try database.migrate(schema(first)) }
        #expect(error == .newer(schema: "test", found: 2, known: 1))
        #expect(try database.version(of: schema()) == 2)
    }

    @Test("leave the version before when a statement fails half-way")
    func failing() throws {
        let database = try open()
        let broken = Migration("broken", ["CREATE TABLE c (i)", "CREATE TABEL d (i)"])
        #expect(throws: DatabaseError.self) { try database.migrate(schema(first, broken)) }
        #expect(try database.version(of: schema()) == 1)
        #expect(try database.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'c'") == 0)
        try database.migrate(schema(first, second))
        #expect(try database.version(of: schema()) == 2)
    }

    @Test("are applied once by many openers at the same time")
    func concurrent() async throws {
        let path = folder.file("m.db")
        let all = schema(first, second)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { try Database(path: path, busyMilliseconds: 20_000).migrate(all) }
            }
            try await group.waitForAll()
        }
        #expect(try open().integer("SELECT count(*) FROM a") == 1)
        #expect(try open().version(of: all) == 2)
    }
}
