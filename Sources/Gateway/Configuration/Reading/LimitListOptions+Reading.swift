package import Model
import Options

extension LimitListOptions {
    /// Reads one entry of such a list. What `isComplete` needs no lines of its own.
    init(
        from reader: inout OptionReader, files: inout FileAccess, kind: String,
        format: LimitFormat<Value>, isComplete: Bool = false
    ) {
        let name = reader.name(of: kind)
        var words: [[Located<String>]] = []
        for text in reader.strings("limits") {
            let written = text.value.prefix { $0 != "#" }
            let parts = written.split { $0 == " " || $0 == "\t" }
            if !parts.isEmpty {
                words.append(parts.map { Located(String($0), at: text.location) })
            }
        }
        let file = ListFile.read(from: &reader)
        reader.notYet(.error, ["redis", "http", "plugin"])
        var findings: [Diagnostic] = []
        let inline = Self.lines(words, format, &findings)
        reader.report(findings)
        let before = files.diagnostics.count
        let fromFile = file.map { Self.lines(in: $0, format, files: &files) } ?? []
        let isEmpty = words.isEmpty && fromFile.isEmpty && files.diagnostics.count == before
        if isEmpty, !isComplete {
            reader.warn("the \(kind) '\(name.value)' limits nothing", at: name.location)
        }
        self.init(name: name, file: file, format: format, inline: inline, fromFile: fromFile)
    }

    /// Reads the file's lines again, by a reader that has the file; all lines come of it.
    package func reread(
        with reader: @escaping FileReader
    ) -> Reread<[(key: LimitKey, value: Value)]> {
        Reread.reading(with: reader) { files in
            Self.merged(inline, file.map { Self.lines(in: $0, format, files: &files) } ?? [])
        }
    }

    private static func lines(
        in file: ListFile, _ format: LimitFormat<Value>, files: inout FileAccess
    ) -> [(key: LimitKey, value: Value)] {
        let words = files.lines(of: file.path, comments: .anywhere, visibility: .masked) ?? []
        var findings: [Diagnostic] = []
        let lines = lines(words, format, &findings)
        for finding in findings {
            files.report(
                finding.severity, at: finding.location, finding.message, hint: finding.hint)
        }
        return lines
    }

    private static func lines(
        _ source: [[Located<String>]], _ format: LimitFormat<Value>,
        _ findings: inout [Diagnostic]
    ) -> [(key: LimitKey, value: Value)] {
        var lines: [(key: LimitKey, value: Value)] = []
        var seen: Set<LimitKey> = []
        for words in source {
            guard let key = format.keys.read(words[0], &findings) else { continue }
            guard words.count > 1 else {
                findings.append(
                    Diagnostic(
                        .error, at: words[0].location, "the line for '\(key)' says no limit"))
                continue
            }
            if !seen.insert(key).inserted {
                findings.append(
                    Diagnostic(.error, at: words[0].location, "there are two lines for '\(key)'"))
            }
            guard let value = format.read(Array(words.dropFirst()), &findings) else { continue }
            lines.append((key, value))
        }
        return lines
    }
}

/// Which keys make sense in a list of limits.
enum LimitKeys: Sendable {
    /// All.
    case all
    /// Those that are known when a client comes: no users; `$$` is each address there, as in gost.
    case ofArrivals

    func read(_ word: Located<String>, _ findings: inout [Diagnostic]) -> LimitKey? {
        guard let key = LimitKey(word.value) else {
            findings.append(
                Diagnostic(
                    .error, at: word.location, "'\(word.value)' is nobody that a limit is for",
                    hint: self == .all
                        ? "such as $, $$, $ip, $user, user:alice, 192.0.2.1, 10.0.0.0/8"
                        : "such as $, $$, 192.0.2.1, 10.0.0.0/8"))
            return nil
        }
        if self == .all { return key }
        switch key {
        case .everything, .addresses, .eachAddress:
            return key
        case .eachConnection:
            return .eachAddress
        case .user, .eachUser:
            findings.append(
                Diagnostic(
                    .error, at: word.location,
                    "who the user is, is not known yet when this limit is asked"))
            return nil
        }
    }
}

extension TrafficLimitOptions {
    /// Reads `IN [OUT [BURST]]`.
    static func read(
        _ words: [Located<String>], _ findings: inout [Diagnostic]
    ) -> TrafficLimitOptions? {
        if words.count > 3 {
            findings.append(
                Diagnostic(
                    .error, at: words[3].location,
                    "a line is a key, a rate in, a rate out and a burst"))
            return nil
        }
        guard let sizes = sizes(words, &findings) else { return nil }
        let burst = sizes.count > 2 ? sizes[2] : nil
        if burst == 0 {
            findings.append(
                Diagnostic(
                    .error, at: words[2].location, "a burst of 0 lets nothing through",
                    hint: "leave it out for a twentieth of a second's worth"))
            return nil
        }
        let rate = { (bytes: Int) in
            bytes == 0 ? nil : ByteRate(bytesPerSecond: bytes, burstBytes: burst)
        }
        let limits = TrafficLimitOptions(
            uplink: rate(sizes[0]), downlink: sizes.count > 1 ? rate(sizes[1]) : nil)
        if limits.uplink == nil, limits.downlink == nil {
            findings.append(
                Diagnostic(
                    .warning, at: words[0].location, "0 is no limit, so this line limits nothing"))
        }
        return limits
    }

    private static func sizes(
        _ words: [Located<String>], _ findings: inout [Diagnostic]
    ) -> [Int]? {
        let sizes = words.compactMap { size($0, &findings) }
        return sizes.count == words.count ? sizes : nil
    }

    /// Reads one size; gost takes what it cannot read as no limit.
    static func size(_ word: Located<String>, _ findings: inout [Diagnostic]) -> Int? {
        if let size = Units.bytes(word.value) { return size }
        let upper = word.value.uppercased()
        let isNumber = !upper.isEmpty && upper.allSatisfy { $0.isASCII && $0.isNumber }
        let meant = isNumber ? upper + "B" : upper.hasSuffix("B") ? upper : upper + "B"
        let isUnit = Units.bytes(meant) != nil
        findings.append(
            Diagnostic(
                .error, at: word.location,
                isNumber
                    ? "bytes need a unit; gost takes '\(word.value)' as no limit"
                    : "'\(word.value)' is no number of bytes"
                        + (isUnit ? "; gost takes it as no limit" : ""),
                hint: isUnit ? "write \(meant)" : "such as 512B, 100KB, 10MB, 1GB"))
        return nil
    }
}

extension LimiterReference {
    private static let intervals = ["limiter.refreshInterval", "limiter.cleanupInterval"]

    /// Reads `limiter:` of a service with its scope, and of its handler.
    static func read(
        _ service: inout OptionReader, metadata: inout Metadata, handler: inout OptionReader
    ) -> [LimiterReference] {
        let scopes = ["": Scope.all, "service": .service, "conn": .connections]
        let scope =
            metadata.service.value(
                ["limiter.scope"], mustBe: "service or conn; without it all lines count"
            ) { node in node.text.flatMap { scopes[$0.lowercased()] } }?.value ?? .all
        let own = read(&service, &metadata.service, scope, isOfHandler: false)
        let handlers = read(&handler, &metadata.handler, .all, isOfHandler: true)
        return [own, handlers].compactMap { $0 }
    }

    private static func read(
        _ reader: inout OptionReader, _ metadata: inout OptionReader, _ scope: Scope,
        isOfHandler: Bool
    ) -> LimiterReference? {
        let (refresh, cleanup) = (Duration.seconds(30), Duration.seconds(60))
        let asked = [
            metadata.duration(
                "limiter.refreshInterval", default: .zero, bareNumber: .isSeconds),
            metadata.duration(
                "limiter.cleanupInterval", default: .zero, bareNumber: .isSeconds),
        ]
        let place = intervals.first { metadata.has($0) }.flatMap { metadata.location(of: $0) }
        guard let name = reader.locatedString("limiter") else {
            if let place {
                metadata.warn("there is no 'limiter' here that this is about", at: place)
            }
            return nil
        }
        let shortest = Duration.seconds(1)
        return LimiterReference(
            name: name, scope: scope, isOfHandler: isOfHandler,
            refresh: asked[0] > .zero ? max(asked[0], shortest) : refresh,
            cleanup: asked[1] > .zero ? max(asked[1], shortest) : cleanup,
            intervalLocation: place)
    }
}
