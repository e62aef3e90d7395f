/// A plugin's tables: numbered migrations, applied in order and never edited once shipped.
public struct Schema: Sendable {
    /// Who owns the tables; versions are kept per name.
    public let name: String
    /// In order; the first brings version 1.
    public let migrations: [Migration]

    /// A schema.
    public init(name: String, migrations: [Migration]) {
        self.name = name
        self.migrations = migrations
    }
}

/// One step of a schema, applied in one transaction together with its version number.
public struct Migration: Sendable {
    /// What it does, for the log: "add usage by node".
    public let summary: String
    /// Statements, in order.
    public let statements: [String]

    /// A step.
    public init(_ summary: String, _ statements: [String]) {
        self.summary = summary
        self.statements = statements
    }
}

/// A plugin that owns tables; Storage brings them up to date when the plugin opens its database.
public protocol Migrations: Sendable {
    /// The tables.
    static var schema: Schema { get }
}
