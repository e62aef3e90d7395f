/// Reads one mapping key by key, with type, unit and range, and collects what is wrong.
///
/// Reading never stops: a value of a wrong type, unit or range is a diagnostic at its place, and
/// the default is read instead. Keys are compared without regard to case. Where several keys are
/// named, they are spellings of one option; the first that is present is read. `finish()` then
/// reports the keys that nobody asked for.
///
/// ```swift
/// init(from reader: inout OptionReader) {
///     interval = reader.duration(
///         "interval", default: .seconds(5), in: .seconds(1) ... .seconds(60))
///     path = reader.mapping("store") { $0.string("sqlite", default: "weir.db") } ?? "weir.db"
/// }
/// ```
public struct OptionReader {
    /// What was found so far, in the order of reading.
    public private(set) var diagnostics: [Diagnostic] = []
    /// Where the mapping starts; nil for an absent one.
    public let location: Location?
    /// What messages call the mapping: the key that it stands under. Empty for a whole file.
    public let name: String
    /// How bad a key is that nobody asks for.
    public let unknownKeys: Diagnostic.Severity

    private let entries: [(key: Node.Key, value: Node)]
    private let indices: [String: Int]
    private var asked: Set<String> = []
    private var spellings: [String] = []
    private let isReadable: Bool
    private let isEntry: Bool

    /// A reader over a mapping; nil and null stand for an absent one and read as empty. Anything
    /// else that is not a mapping is a diagnostic and reads as empty.
    public init(
        _ node: Node?, named name: String = "options", unknownKeys: Diagnostic.Severity = .error
    ) {
        self.init(node, named: name, isEntry: false, unknownKeys: unknownKeys)
    }

    /// A reader over a mapping that stands in the list `name`, if `isEntry` is true.
    init(_ node: Node?, named name: String, isEntry: Bool, unknownKeys: Diagnostic.Severity) {
        self.name = name
        self.isEntry = isEntry
        self.unknownKeys = unknownKeys
        location = node?.location
        guard let node, case .mapping(let entries) = node.value else {
            entries = []
            indices = [:]
            isReadable = node?.isNull ?? true
            if let node, !node.isNull {
                let subject = name.isEmpty ? "a configuration file" : "'\(name)'"
                error(
                    "\(subject) must be a mapping (key: value), not \(node.kind)", at: node.location
                )
            }
            return
        }
        self.entries = entries
        indices = Dictionary(
            entries.enumerated().map { ($1.key.text.lowercased(), $0) },
            uniquingKeysWith: { one, _ in one })
        isReadable = true
    }

    // MARK: Looking

    /// The keys in file order.
    public var keys: [Node.Key] { entries.map(\.key) }

    /// Whether one of `keys` is present and not null. Does not count as asking for it.
    public func has(_ keys: String...) -> Bool {
        keys.contains { key in entry(key).map { !$0.value.isNull } ?? false }
    }

    /// Where the value of the first present one of `keys` stands; the mapping's place if none is.
    public func location(of keys: String...) -> Location? {
        keys.lazy.compactMap { entry($0)?.value.location }.first ?? location
    }

    private func entry(_ key: String) -> (key: Node.Key, value: Node)? {
        indices[key.lowercased()].map { entries[$0] }
    }

    /// Takes an option: the first present key of `keys`, which are its spellings. Null reads as
    /// absent. Everything that reads a value comes through here.
    public mutating func take(_ keys: [String]) -> (key: Node.Key, value: Node)? {
        var found: (key: Node.Key, value: Node)?
        for key in keys {
            if asked.insert(key.lowercased()).inserted { spellings.append(key) }
            guard let entry = entry(key), !entry.value.isNull else { continue }
            guard let first = found else {
                found = entry
                continue
            }
            warn(
                "'\(entry.key.text)' is ignored: '\(first.key.text)' says the same and is read",
                at: entry.key.location)
        }
        return found
    }

    /// Marks keys as asked for without reading them.
    public mutating func accept(_ keys: String...) {
        for key in keys where asked.insert(key.lowercased()).inserted { spellings.append(key) }
    }

    // MARK: Reporting

    /// Adds a finding.
    public mutating func report(_ diagnostic: Diagnostic) { diagnostics.append(diagnostic) }

    /// Adds findings, those of a reader of a part for instance.
    public mutating func report(_ more: [Diagnostic]) { diagnostics += more }

    /// Adds an error.
    public mutating func error(_ message: String, at location: Location?, hint: String? = nil) {
        report(Diagnostic(.error, at: location, message, hint: hint))
    }

    /// Adds a warning.
    public mutating func warn(_ message: String, at location: Location?, hint: String? = nil) {
        report(Diagnostic(.warning, at: location, message, hint: hint))
    }

    /// Adds an error about a missing option, at the mapping's place.
    public mutating func missing(_ key: String, hint: String? = nil) {
        guard isReadable else { return }
        let subject = isEntry ? "an entry of '\(name)'" : "'\(name)'"
        error("\(subject) has no '\(key)'", at: location, hint: hint)
    }

    /// Reports those of `keys` that are present: they are options of gost that Weir does not have
    /// yet. A warning where leaving it out is harmless, an error where it is not.
    public mutating func notYet(_ severity: Diagnostic.Severity, _ keys: [String]) {
        for key in keys {
            accept(key)
            guard let entry = entry(key), !entry.value.isNull else { continue }
            let consequence = severity == .warning ? "; it is ignored" : ""
            report(
                Diagnostic(
                    severity, at: entry.key.location,
                    "'\(entry.key.text)' is not available yet\(consequence)"))
        }
    }

    /// Whether `key` was asked for, present or not.
    public func knows(_ key: String) -> Bool { asked.contains(key.lowercased()) }

    /// The keys that nobody has asked for yet, in file order.
    public var unasked: [Node.Key] {
        keys.filter { !asked.contains($0.text.lowercased()) }
    }

    /// Reports the keys that nobody asked for, once, and returns all findings.
    @discardableResult
    public mutating func finish() -> [Diagnostic] {
        let place = name.isEmpty ? "" : " in '\(name)'"
        for key in unasked {
            asked.insert(key.text.lowercased())
            if let secret = secretCut(before: key) {
                error(
                    "the value of '\(secret)' is cut at a comma", at: key.location,
                    hint: "put it between quotes")
                continue
            }
            let known = spellings.sorted()
            var hint = Suggestion.hint(for: key.text, among: known)
            if hint == nil, !known.isEmpty, known.count <= 8 {
                hint = "known keys: " + known.joined(separator: ", ")
            }
            let consequence = unknownKeys == .warning ? "; it is ignored" : ""
            report(
                Diagnostic(
                    unknownKeys, at: key.location,
                    "unknown key '\(key.text)'\(place)\(consequence)", hint: hint))
        }
        return diagnostics
    }

    /// In `{password: a,b}` the part behind the comma is a key without a value. It is not shown.
    private func secretCut(before key: Node.Key) -> String? {
        guard let index = indices[key.text.lowercased()], index > 0, entries[index].value.isNull
        else { return nil }
        let before = entries[index - 1].key
        let isCut =
            SecretMask.isSecret(key: before.text) && before.location.line == key.location.line
        return isCut ? before.text : nil
    }
}
