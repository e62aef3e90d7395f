/// Where a value stood: a file (or `-`, `-L`, an environment variable), a line and a column from 1.
public struct Location: Hashable, Sendable, CustomStringConvertible {
    /// The file as the user named it.
    public let file: String
    /// The line, from 1. For `-L` and its like: which one of them, from 1.
    public let line: Int
    /// The column in Unicode scalars, from 1.
    public let column: Int

    /// A place in a file.
    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `file:line:column`.
    public var description: String { "\(file):\(line):\(column)" }

    /// The place `count` columns further on the same line.
    public func advanced(by count: Int) -> Location {
        Location(file: file, line: line, column: column + count)
    }
}
