/// Reads one mapping key by key, with type, unit and range, and collects what is wrong.
///
/// `finish()` then reports the keys that nobody asked for.
public struct OptionReader {
    /// What was found so far.
    public private(set) var diagnostics: [Diagnostic] = []
    private let node: Node?
    private var asked: Set<String> = []

    /// A reader over a mapping; nil stands for an absent one and reads as empty.
    public init(_ node: Node?) {
        self.node = node
    }
}
