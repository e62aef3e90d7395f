import Configuration

/// Objects of the configuration that services share: one instance for each kind and name, so that
/// a limit, a list or a mark of failure is the same wherever it is named.
///
/// ## Concurrency
/// Confined to the control loop; what it hands out is `Sendable`.
final class SharedObjects {
    /// What an object is, as the top-level list that it stands in; names are unique within one.
    enum Kind: String, Hashable {
        case authers
        case limiters
        case climiters
        case rlimiters
        case admissions
        case bypasses
        case hosts
        case chains
        case hops
        case observers

        /// Whether a change is applied to the object that there is.
        var isRevised: Bool {
            switch self {
            case .limiters, .climiters, .rlimiters: true
            case .authers, .admissions, .bypasses, .hosts, .chains, .hops, .observers: false
            }
        }
    }

    private struct Key: Hashable {
        let kind: Kind
        let name: String
    }

    private let fingerprints: ConfigurationFingerprints
    private var objects: [Key: any Sendable] = [:]

    /// Objects of a configuration; none is made yet. Those of the one before that mean the same are
    /// taken over with all that they know.
    init(_ fingerprints: ConfigurationFingerprints, after before: SharedObjects? = nil) {
        self.fingerprints = fingerprints
        guard let before else { return }
        objects = before.objects.filter { key, _ in
            // Limits are changed in place, so that flows that run have them too.
            if key.kind.isRevised { return fingerprints.object(key.kind.rawValue, key.name) != nil }
            let text = fingerprints.object(key.kind.rawValue, key.name)
            return text != nil && text == before.fingerprints.object(key.kind.rawValue, key.name)
        }
    }

    /// The object of that kind and name, if it was asked for before.
    func known<Value: Sendable>(_ kind: Kind, _ name: String, as type: Value.Type) -> Value? {
        objects[Key(kind: kind, name: name)] as? Value
    }

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
