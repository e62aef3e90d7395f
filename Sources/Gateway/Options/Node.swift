/// A configuration value with the place where it stood.
public struct Node: Sendable {
    /// What a node holds. Scalars stay text until somebody asks for a type.
    public enum Value: Sendable {
        /// A scalar and whether it was quoted (a quoted scalar is never null).
        case scalar(String, isQuoted: Bool)
        /// A list.
        case sequence([Node])
        /// A mapping in file order. Keys are unique without regard to case.
        case mapping([(key: Key, value: Node)])
    }

    /// A mapping's key: as written, and where.
    public struct Key: Sendable {
        /// The key as the user wrote it; compare without regard to case.
        public let text: String
        /// Where it stands.
        public let location: Location

        /// A key as read.
        public init(text: String, location: Location) {
            self.text = text
            self.location = location
        }
    }

    /// What it holds.
    public let value: Value
    /// Where it starts.
    public let location: Location

    /// A node as read.
    public init(_ value: Value, at location: Location) {
        self.value = value
        self.location = location
    }
}
