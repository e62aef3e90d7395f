import Options

/// What was read from one file.
struct ComposedFile {
    /// Its value; nil for an empty file and for one that cannot be read.
    let node: Node?
    /// Its text, with the secrets that were found masked.
    let source: SourceText
    let diagnostics: [Diagnostic]
    /// Where the values stand that aliases repeat.
    var templates: Set<Location> = []

    /// Whether it could not be read to its end.
    var isBroken = false

    /// Top-level keys that only hold values for aliases: those that start with `x-`, and others
    /// under which such a value stands.
    func isTemplate(_ node: Node) -> Bool {
        if templates.contains(node.location) { return true }
        switch node.value {
        case .scalar: return false
        case .sequence(let items): return items.contains { isTemplate($0) }
        case .mapping(let entries): return entries.contains { isTemplate($0.value) }
        }
    }
}
