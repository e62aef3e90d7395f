/// A value together with the place where the user wrote it.
public struct Located<Value> {
    /// The value.
    public let value: Value
    /// Where it stands.
    public let location: Location

    /// A value read at a place.
    public init(_ value: Value, at location: Location) {
        self.value = value
        self.location = location
    }

    /// The same place with another value.
    public func map<Other>(_ transform: (Value) -> Other) -> Located<Other> {
        Located<Other>(transform(value), at: location)
    }
}

extension Located: Sendable where Value: Sendable {}
extension Located: Equatable where Value: Equatable {}
extension Located: Hashable where Value: Hashable {}
