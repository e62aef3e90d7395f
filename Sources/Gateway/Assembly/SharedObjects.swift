/// Objects of the configuration that services share: one instance for each kind and name, so that
/// a limit, a list or a mark of failure is the same wherever it is named.
///
/// ## Concurrency
/// Confined to the control loop; what it hands out is `Sendable`.
final class SharedObjects {
    /// What an object is; names are unique within a kind.
    enum Kind: String, Hashable {
        case auther
        case limiter
    }

    private struct Key: Hashable {
        let kind: Kind
        let name: String
    }

    private var objects: [Key: any Sendable] = [:]

    /// The object of that kind and name; made when it is first asked for.
    func object<Value: Sendable, Failure>(
        _ kind: Kind, _ name: String, make: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let key = Key(kind: kind, name: name)
        if let known = objects[key] {
            guard let value = known as? Value else {
                preconditionFailure("a \(kind.rawValue) was asked for as two types")
            }
            return value
        }
        let value = try make()
        objects[key] = value
        return value
    }
}
