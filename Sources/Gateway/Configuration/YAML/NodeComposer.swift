import Model
import Options

/// Makes located nodes of a YAML file: anchors, aliases and merge keys are resolved, duplicate keys
/// and second documents refused, size and depth bounded.
struct NodeComposer: ~Copyable {
    /// A value with what it costs when an alias repeats it.
    private struct Composed {
        let node: Node
        /// Values in it, itself and repetitions included.
        let size: Int
        /// Levels of nesting in it; 0 for a scalar.
        let height: Int
        let end: Location
    }

    private let stream: YAMLEventStream
    private var anchors: [String: Composed] = [:]
    private var total = 0
    private(set) var diagnostics: [Diagnostic] = []
    private(set) var source: SourceText
    /// Where the values stand that aliases repeat.
    private(set) var templates: Set<Location> = []

    private init(_ stream: consuming YAMLEventStream, source: SourceText) {
        self.stream = stream
        self.source = source
    }

    /// Reads one file. The node is nil for an empty file and for one that cannot be read.
    static func compose(
        _ bytes: [UInt8], file: String
    ) -> ComposedFile {
        let source = SourceText(file: file, bytes: bytes)
        do throws(YAMLFault) {
            let text = try YAMLText.checked(bytes, file: file)
            guard let stream = YAMLEventStream(text, file: file) else {
                throw YAMLFault("out of memory", at: Location(file: file, line: 1, column: 1))
            }
            var composer = NodeComposer(stream, source: source)
            do throws(YAMLFault) {
                let node = try composer.composeStream()
                return ComposedFile(
                    node: node, source: composer.source, diagnostics: composer.diagnostics,
                    templates: composer.templates)
            } catch {
                return ComposedFile(
                    node: nil, source: composer.source,
                    diagnostics: composer.diagnostics + [error.diagnostic], isBroken: true)
            }
        } catch {
            return ComposedFile(
                node: nil, source: source, diagnostics: [error.diagnostic], isBroken: true)
        }
    }

    private mutating func composeStream() throws(YAMLFault) -> Node? {
        var root: Node?
        while true {
            let event = try stream.next()
            switch event.kind {
            case .streamEnd:
                return root
            case .documentStart, .documentEnd:
                break
            case .alias, .scalar, .sequenceStart, .sequenceEnd, .mappingStart, .mappingEnd:
                guard root == nil else {
                    diagnostics.append(
                        Diagnostic(
                            .error, at: event.start, "a second document starts here",
                            hint: "put it into a file of its own and name both with -C"))
                    return root
                }
                root = try compose(event, depth: 0).node
            }
        }
    }

    // MARK: Values

    private mutating func compose(
        _ event: YAMLEvent, depth: Int
    ) throws(YAMLFault) -> Composed {
        guard depth <= Limits.configurationDepth else { throw tooDeep(at: event.start) }
        let composed: Composed
        switch event.kind {
        case .alias(let name):
            return try resolve(name, at: event.start, depth: depth)
        case .scalar(let text, let isQuoted):
            check(tag: event.tag, at: event.start)
            let isText = isQuoted || event.tag == "tag:yaml.org,2002:str"
            try count(1, at: event.start)
            composed = Composed(
                node: Node(.scalar(text, isQuoted: isText), at: event.start), size: 1, height: 0,
                end: event.end)
        case .sequenceStart:
            check(tag: event.tag, at: event.start)
            composed = try composeSequence(at: event.start, depth: depth)
        case .mappingStart:
            check(tag: event.tag, at: event.start)
            composed = try composeMapping(at: event.start, depth: depth)
        case .streamEnd, .documentStart, .documentEnd, .sequenceEnd, .mappingEnd:
            preconditionFailure("libyaml balances its events")
        }
        if let anchor = event.anchor { anchors[anchor] = composed }
        return composed
    }

    private mutating func resolve(
        _ name: String, at location: Location, depth: Int
    ) throws(YAMLFault) -> Composed {
        guard let anchored = anchors[name] else {
            diagnostics.append(
                Diagnostic(
                    .error, at: location, "the anchor '&\(name)' of this alias does not exist",
                    hint: Suggestion.hint(for: name, among: anchors.keys.sorted())
                        ?? "an anchor stands before its aliases and outside of them"))
            let nothing = Node(.scalar("", isQuoted: false), at: location)
            return Composed(node: nothing, size: 1, height: 0, end: location)
        }
        guard depth + anchored.height <= Limits.configurationDepth else {
            throw tooDeep(at: location)
        }
        try count(anchored.size, at: location)
        templates.insert(anchored.node.location)
        return anchored
    }

    private mutating func composeSequence(
        at start: Location, depth: Int
    ) throws(YAMLFault) -> Composed {
        try count(1, at: start)
        var items: [Node] = []
        var (size, height) = (1, 0)
        while true {
            let event = try stream.next()
            if case .sequenceEnd = event.kind {
                let node = Node(.sequence(items), at: start)
                return Composed(node: node, size: size, height: height + 1, end: event.end)
            }
            let item = try compose(event, depth: depth + 1)
            items.append(item.node)
            size += item.size
            height = max(height, item.height)
        }
    }

    private mutating func composeMapping(
        at start: Location, depth: Int
    ) throws(YAMLFault) -> Composed {
        try count(1, at: start)
        var entries: [(key: Node.Key, value: Node)] = []
        var places: [String: Location] = [:]
        var merged: [Node] = []
        var (size, height) = (1, 0)
        while true {
            let event = try stream.next()
            if case .mappingEnd = event.kind {
                for node in merged { Self.add(node, to: &entries, known: &places) }
                let node = Node(.mapping(entries), at: start)
                return Composed(node: node, size: size, height: height + 1, end: event.end)
            }
            let (key, isMerge) = try composeKey(event)
            let value = try compose(try stream.next(), depth: depth + 1)
            size += value.size + 1
            height = max(height, value.height)
            hideSecret(of: key, value)
            if let first = places.updateValue(key.location, forKey: key.text.lowercased()) {
                places[key.text.lowercased()] = first
                diagnostics.append(
                    Diagnostic(
                        .error, at: key.location, "the key '\(key.text)' stands here twice",
                        hint: "first at line \(first.line), column \(first.column);"
                            + " keys are compared without regard to case"))
            } else if isMerge {
                merged += mergeSources(value.node)
            } else {
                entries.append((key, value.node))
            }
        }
    }

    // MARK: Keys

    private mutating func composeKey(
        _ event: YAMLEvent
    ) throws(YAMLFault) -> (key: Node.Key, isMerge: Bool) {
        switch event.kind {
        case .scalar(let text, let isQuoted):
            check(tag: event.tag, at: event.start)
            let node = Node(.scalar(text, isQuoted: isQuoted), at: event.start)
            if let anchor = event.anchor {
                anchors[anchor] = Composed(node: node, size: 1, height: 0, end: event.end)
            }
            guard !text.isEmpty else { throw YAMLFault("a key is missing here", at: event.start) }
            return (Node.Key(text: text, location: event.start), text == "<<" && !isQuoted)
        case .alias(let name):
            guard let text = anchors[name]?.node.text else {
                throw YAMLFault("a key must be text", at: event.start)
            }
            return (Node.Key(text: text, location: event.start), false)
        case .sequenceStart, .mappingStart:
            throw YAMLFault("a key must be text, not a list or a mapping", at: event.start)
        case .streamEnd, .documentStart, .documentEnd, .sequenceEnd, .mappingEnd:
            preconditionFailure("libyaml balances its events")
        }
    }

    /// What `<<:` brings in: a mapping, or several of which earlier ones win.
    private mutating func mergeSources(_ node: Node) -> [Node] {
        switch node.value {
        case .mapping:
            return [node]
        case .sequence(let nodes):
            return nodes.filter { item in
                if case .mapping = item.value { return true }
                diagnostics.append(
                    Diagnostic(
                        .error, at: item.location,
                        "'<<' must be followed by mappings, not by \(item.kind)"))
                return false
            }
        case .scalar:
            diagnostics.append(
                Diagnostic(
                    .error, at: node.location, "'<<' must be followed by a mapping, not by text",
                    hint: "such as <<: *name"))
            return []
        }
    }

    /// Adds the entries of a merged mapping whose keys do not stand in the mapping itself.
    private static func add(
        _ node: Node, to entries: inout [(key: Node.Key, value: Node)],
        known places: inout [String: Location]
    ) {
        guard case .mapping(let more) = node.value else { return }
        for entry in more where places[entry.key.text.lowercased()] == nil {
            places[entry.key.text.lowercased()] = entry.key.location
            entries.append(entry)
        }
    }

    // MARK: Bounds

    private mutating func count(_ nodes: Int, at location: Location) throws(YAMLFault) {
        total += nodes
        guard total <= Limits.configurationNodes else {
            throw YAMLFault(
                "the file has more than \(Limits.configurationNodes) values, aliases included",
                at: location)
        }
    }

    private func tooDeep(at location: Location) -> YAMLFault {
        YAMLFault(
            "lists and mappings are nested more than \(Limits.configurationDepth) deep",
            at: location)
    }

    private mutating func check(tag: String?, at location: Location) {
        guard let tag else { return }
        let known = ["str", "int", "float", "bool", "null", "seq", "map", "merge"]
        let prefix = "tag:yaml.org,2002:"
        if tag == "!"
            || tag.hasPrefix(prefix) && known.contains(String(tag.dropFirst(prefix.count)))
        {
            return
        }
        diagnostics.append(
            Diagnostic(.error, at: location, "the tag '\(tag)' has no meaning here"))
    }

    private mutating func hideSecret(of key: Node.Key, _ value: Composed) {
        guard SourceText.isSecret(key: key.text) else { return }
        if case .mapping = value.node.value { return }
        source.mask(from: value.node.location, upTo: value.end)
    }
}
