public import Model

extension OptionReader {
    /// Reads an option with a rule of its own. Where `parse` returns nil, the option must be
    /// `expectation`, such as "a colour like #fff", and reads as absent.
    public mutating func value<Value>(
        _ keys: [String], mustBe expectation: String, hint: String? = nil,
        parse: (Node) -> Value?
    ) -> Located<Value>? {
        guard let (key, node) = take(keys) else { return nil }
        if let value = parse(node) { return Located(value, at: node.location) }
        error("'\(key.text)' must be \(expectation)", at: node.location, hint: hint)
        return nil
    }

    // MARK: Text

    /// Text with its place. Numbers and booleans read as they were written.
    public mutating func locatedString(_ keys: String...) -> Located<String>? {
        value(keys, mustBe: "text") { $0.text }
    }

    /// Text, or nil if absent.
    public mutating func string(_ keys: String...) -> String? {
        value(keys, mustBe: "text") { $0.text }?.value
    }

    /// Text, or the default if absent.
    public mutating func string(_ keys: String..., default fallback: String) -> String {
        value(keys, mustBe: "text") { $0.text }?.value ?? fallback
    }

    /// Text that must be there and must not be empty.
    public mutating func requiredString(_ key: String, hint: String? = nil) -> Located<String>? {
        let before = diagnostics.count
        let found = value([key], mustBe: "text") { $0.text }
        if let found, !found.value.isEmpty { return found }
        if let found {
            error("'\(key)' must not be empty", at: found.location, hint: hint)
        } else if diagnostics.count == before {
            missing(key, hint: hint)
        }
        return nil
    }

    /// A list of text; a single text is a list of one. With `splitsAtCommas` a text holds several,
    /// with commas between.
    public mutating func strings(
        _ keys: String..., splitsAtCommas: Bool = false
    ) -> [Located<String>] {
        guard let (key, node) = take(keys) else { return [] }
        let nodes: [Node] = if case .sequence(let items) = node.value { items } else { [node] }
        var texts: [Located<String>] = []
        for item in nodes {
            guard let text = item.text else {
                error(
                    "'\(key.text)' must be a list of text, not of \(item.kind)", at: item.location)
                continue
            }
            guard splitsAtCommas else {
                texts.append(Located(text, at: item.location))
                continue
            }
            let parts = text.split(separator: ",").map { part in
                String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
            let kept = parts.filter { !$0.isEmpty }
            texts += (kept.isEmpty ? [""] : kept).map { Located($0, at: item.location) }
        }
        return texts
    }

    // MARK: Booleans, numbers, sizes

    /// `true` or `false`, also as 1 and 0 and in the spellings that gost accepts.
    public mutating func bool(_ keys: String..., default fallback: Bool) -> Bool {
        let found = value(keys, mustBe: "true or false") { node in
            node.text.flatMap { Units.bool($0) } ?? node.bareInteger.map { $0 != 0 }
        }
        return found?.value ?? fallback
    }

    /// A boolean of gost's `metadata`, where a duration counts as false.
    public mutating func metadataBool(_ keys: String..., default fallback: Bool) -> Bool {
        guard let (key, node) = take(keys) else { return fallback }
        if let text = node.text, Units.bool(text) == nil, Units.duration(text) != nil,
            node.bareInteger == nil
        {
            warn(
                "'\(key.text)' is true or false; a duration counts as false, as in gost",
                at: node.location)
            return false
        }
        return bool(key.text, default: fallback)
    }

    /// A whole number in a range.
    public mutating func integer(
        _ keys: String..., default fallback: Int, in range: ClosedRange<Int>
    ) -> Int {
        locatedInteger(keys, in: range)?.value ?? fallback
    }

    /// A whole number in a range, or nil if absent.
    public mutating func integer(_ keys: String..., in range: ClosedRange<Int>) -> Int? {
        locatedInteger(keys, in: range)?.value
    }

    private mutating func locatedInteger(
        _ keys: [String], in range: ClosedRange<Int>
    ) -> Located<Int>? {
        let upper = range.upperBound == .max ? "up" : "to \(range.upperBound)"
        return value(keys, mustBe: "a whole number from \(range.lowerBound) \(upper)") { node in
            node.text.flatMap { Int($0) }.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A count of bytes with its unit, such as `64KiB`; units are powers of 1024.
    public mutating func bytes(
        _ keys: String..., default fallback: Int, in range: ClosedRange<Int> = 0 ... .max
    ) -> Int {
        guard let (key, node) = take(keys) else { return fallback }
        guard let count = node.text.flatMap({ Units.bytes($0) }) else {
            let needsUnit = node.bareInteger != nil
            error(
                needsUnit
                    ? "'\(key.text)' needs a unit" : "'\(key.text)' must be a size with its unit",
                at: node.location, hint: "such as 512B, 64KiB, 10MiB, 2GiB")
            return fallback
        }
        guard range.contains(count) else {
            let upper = range.upperBound == .max ? "" : " and at most \(range.upperBound)"
            error(
                "'\(key.text)' must be at least \(range.lowerBound)\(upper) bytes",
                at: node.location)
            return fallback
        }
        return count
    }

    // MARK: Choices

    /// One of a few words, without regard to case. Several words may have one meaning.
    public mutating func choice<Value>(
        _ keys: String..., among words: KeyValuePairs<String, Value>
    ) -> Value? {
        guard let (key, node) = take(keys) else { return nil }
        let names = words.map(\.key)
        if let text = node.text?.lowercased(),
            let match = words.first(where: { $0.key.lowercased() == text })
        {
            return match.value
        }
        let hint = node.text.flatMap { Suggestion.hint(for: $0, among: names) }
        error(
            "'\(key.text)' must be one of: \(names.joined(separator: ", "))", at: node.location,
            hint: hint)
        return nil
    }

    // MARK: Addresses

    /// An address with a port, such as `192.0.2.1:53` or `[2001:db8::1]:53`.
    public mutating func endpoint(_ keys: String...) -> Located<Endpoint>? {
        value(keys, mustBe: "an address and a port, such as 192.0.2.1:53") { node in
            node.text.flatMap { Endpoint($0) }
        }
    }

    /// A port from 1 to 65535.
    public mutating func port(_ keys: String...) -> Located<UInt16>? {
        value(keys, mustBe: "a port from 1 to 65535") { node in
            node.text.flatMap { Endpoint.port($0) }.flatMap { $0 == 0 ? nil : $0 }
        }
    }

    /// Addresses and CIDR ranges: a list, or one text with commas.
    public mutating func prefixes(_ keys: String...) -> [IPPrefix] {
        let name = keys.first { has($0) } ?? ""
        guard let (_, node) = take(keys) else { return [] }
        var reader = OptionReader(
            Node(
                .mapping([(Node.Key(text: name, location: node.location), node)]),
                at: node.location))
        let texts = reader.strings(name, splitsAtCommas: true)
        report(reader.diagnostics)
        return texts.compactMap { text in
            if let prefix = IPPrefix(text.value) { return prefix }
            error(
                "'\(name)' must list addresses and ranges, such as 192.0.2.1 or 10.0.0.0/8",
                at: text.location)
            return nil
        }
    }
}
