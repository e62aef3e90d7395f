import Options

/// What queries of `-L` and `-F` have alike.
extension ServiceURL {
    /// The metadata of one part: keys with its prefix, and keys without any; `pinned` ones win.
    func metadata(
        prefix: String, among prefixes: [String], without used: Set<String> = [],
        pinned: MappingBuilder? = nil, at location: Location
    ) -> MappingBuilder {
        var values: [String: Node] = [:]
        for (key, value) in query where !used.contains(key.lowercased()) {
            let node = Node(.scalar(value.value, isQuoted: true), at: value.location)
            let lowered = key.lowercased()
            if lowered.hasPrefix(prefix) {
                values[String(key.dropFirst(prefix.count))] = node
            } else if !prefixes.contains(where: { lowered.hasPrefix($0) }), values[key] == nil {
                values[key] = node
            }
        }
        if let pinned, case .mapping(let entries) = pinned.node.value {
            for entry in entries { values[entry.key.text] = entry.value }
        }
        var mapping = MappingBuilder(at: location)
        for key in values.keys.sorted() { mapping.add(key, values[key]) }
        return mapping
    }

    /// `selector:`; empty where the query says nothing of it.
    mutating func takeSelector(at location: Location) -> MappingBuilder {
        let strategy = take("strategy")
        let fails = take("maxFails", "max_fails")
        let timeout = take("failTimeout", "fail_timeout")
        var selector = MappingBuilder(at: location)
        guard strategy != nil || fails != nil || timeout != nil else { return selector }
        selector.add("strategy", strategy ?? Located("round", at: location))
        selector.add("maxFails", fails ?? Located("1", at: location), isPlain: true)
        // The command line's own default is 30 s, and its bare numbers are seconds.
        let text = timeout?.map { Self.duration(Int64($0) == nil ? $0 : $0 + "s") }
        selector.add("failTimeout", text ?? Located("30s", at: location))
        return selector
    }

    /// A duration as Go writes it: `1m0s`. What has a fraction or is none stays as it is.
    private static func duration(_ text: String) -> String {
        guard let duration = Units.duration(text), duration >= .seconds(60),
            duration.wholeMilliseconds % 1000 == 0
        else { return text }
        let seconds = duration.wholeMilliseconds / 1000
        let hours = seconds >= 3600 ? "\(seconds / 3600)h" : ""
        return hours + "\(seconds / 60 % 60)m\(seconds % 60)s"
    }

    /// Keys that only the metadata of a service or of a hop gets.
    mutating func takeSocketKeys(at location: Location) -> MappingBuilder {
        var mapping = MappingBuilder(at: location)
        for key in ["interface", "netns", "netns.out"] { mapping.add(key, take(key)) }
        for key in ["so_mark", "proxyProtocol"] { mapping.add(key, take(key), isPlain: true) }
        return mapping
    }

    /// The files of TLS.
    mutating func takeTLSFiles() -> (
        certificate: Located<String>?, key: Located<String>?, authority: Located<String>?
    ) {
        (
            take("tls.certFile", "certFile", "cert"), take("tls.keyFile", "keyFile", "key"),
            take("tls.caFile", "caFile", "ca")
        )
    }
}
