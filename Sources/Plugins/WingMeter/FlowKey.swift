import Model

/// A flow as a key: told from others by its id, and no larger than a reference, since tables keep
/// one for every open flow.
struct FlowKey: Hashable {
    let flow: FlowInfo

    static func == (one: FlowKey, other: FlowKey) -> Bool { one.flow.id == other.flow.id }

    func hash(into hasher: inout Hasher) { hasher.combine(flow.id) }
}
