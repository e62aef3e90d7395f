package import PluginKit

extension Database {
    /// Brings a schema's tables to the version this program knows.
    ///
    /// Each migration and its version number are one transaction: a crash leaves the version
    /// before or the version after. Several openers at once apply each step once. A database
    /// that is newer than the program is refused (`SchemaError.newer`).
    package func migrate(_ schema: Schema) throws {
        try transaction {
            try execute(
                """
                CREATE TABLE IF NOT EXISTS weir_schema (
                    name TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT
                """)
        }
        let known = Int64(schema.migrations.count)
        let found = try version(of: schema)
        guard found <= known else {
            throw SchemaError.newer(schema: schema.name, found: found, known: known)
        }
        for (index, migration) in schema.migrations.enumerated() {
            try apply(migration, of: schema, asVersion: Int64(index + 1))
        }
    }

    /// The version that a schema's tables have; 0 where there are none.
    package func version(of schema: Schema) throws -> Int64 {
        try integer("SELECT version FROM weir_schema WHERE name = ?1", .text(schema.name)) ?? 0
    }

    private func apply(_ migration: Migration, of schema: Schema, asVersion target: Int64) throws {
        guard try version(of: schema) < target else { return }
        try transaction {
            // Another opener may have been faster.
            guard try version(of: schema) < target else { return }
            for statement in migration.statements { try execute(statement) }
            try execute(
                """
                INSERT INTO weir_schema (name, version) VALUES (?1, ?2)
                ON CONFLICT (name) DO UPDATE SET version = excluded.version
                """,
                .text(schema.name), .integer(target))
        }
    }
}
