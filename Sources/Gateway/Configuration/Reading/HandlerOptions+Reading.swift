import Model
import Options

extension HandlerOptions {
    /// Reads `handler:` and its metadata.
    init(
        from reader: inout OptionReader, metadata: inout OptionReader, choice: HandlerChoice,
        files: inout FileAccess
    ) {
        type = choice.type
        let names = reader.strings("auther") + reader.strings("authers")
        let authers = names.filter { name in
            if name.value.isEmpty { reader.error("an auther has a name", at: name.location) }
            return !name.value.isEmpty
        }
        self.authers = authers
        let credential =
            reader.mapping("auth") { Credential.handlerAuth(from: &$0, files: &files) } ?? nil
        if credential != nil, !authers.isEmpty {
            reader.warn(
                "'auth' is ignored: 'auther' wins, as in gost", at: reader.location(of: "auth"))
        }
        self.credential = authers.isEmpty ? credential : nil
        reader.notYet(.error, GostVocabulary.decisiveHandlerKeys)
        route = RouteOptions(from: &reader, metadata: &metadata)

        exemptClients = metadata.prefixes("skipauth")
        statistics = StatisticsOptions(from: &metadata)
        let lowest: Duration = choice.isHTTP ? .zero - .longest : .zero
        let asked = metadata.duration(
            "readTimeout", default: .zero, in: lowest ... .longest, bareNumber: .isSeconds)
        readTimeout = asked > .zero ? asked : .seconds(15)
        idleTimeout = metadata.duration("idleTimeout", default: .zero, bareNumber: .isSeconds)
        metadata.notYet(.warning, GostVocabulary.laterHandlerMetadata)
        switch choice.group {
        case .forward:
            kind = .forward(ForwardHandlerOptions(from: &metadata))
        case .socks:
            kind = .socks5(SOCKS5Options(from: &metadata))
        case .http:
            let allowsUDP = metadata.metadataBool("udp", default: false)
            kind = .http(
                HTTPOptions(from: &metadata, readTimeout: asked, allowsUDP: allowsUDP))
            // Datagrams of any size are relayed whole; the number is only checked.
            _ = metadata.integer("udp.bufferSize", "udpBufferSize", in: 0...1_048_576)
        case .auto:
            let socks = SOCKS5Options(from: &metadata)
            kind = .auto(
                HTTPOptions(from: &metadata, readTimeout: asked, allowsUDP: socks.allowsUDP),
                socks)
        }
    }
}

extension ForwardHandlerOptions {
    /// Reads the metadata of a forwarding handler. Most of gost's make no difference here.
    init(from reader: inout OptionReader) {
        reader.notYet(.warning, ["http.keepalive"])
        if reader.metadataBool("stateless", default: false) {
            reader.warn(
                "'stateless' is ignored: sessions last until they are idle",
                at: reader.location(of: "stateless"))
        }
        _ = reader.integer("bufferSize", "readBufferSize", "udp.bufferSize", in: 0...1_048_576)
        let version = reader.integer("proxyProtocol", default: 0, in: 0...2)
        proxyProtocol =
            version == 0
            ? nil : reader.location(of: "proxyProtocol").map { Located(version, at: $0) }
    }
}

extension SOCKS5Options {
    /// Reads the metadata of a SOCKS handler.
    init(from reader: inout OptionReader) {
        allowsUDP = reader.metadataBool("udp", default: false)
        allowsBind = reader.metadataBool("bind", default: false)
        let fallback = Duration.seconds(60)
        let asked = reader.duration("udpTimeout", default: fallback, bareNumber: .isSeconds)
        udpTimeout = asked == .zero ? fallback : asked
        // Datagrams of any size are relayed whole; the number is only checked.
        _ = reader.integer("udp.bufferSize", "udpBufferSize", in: 0...1_048_576)
        publicAddress =
            reader.value(["socks.publicAddr", "publicAddr"], mustBe: "an IP address") { node in
                node.text.flatMap { IPAddress($0) }
            }?.value
        udpPorts = Self.ports(from: &reader)
        if !reader.metadataBool("notls", default: true) {
            reader.warn(
                "TLS inside of SOCKS5 is not available yet; clients go on without it",
                at: reader.location(of: "notls"))
        }
        for key in ["tor", "enableTor", "socks5.tor", "comp"]
        where reader.metadataBool(key, default: false) {
            reader.warn(
                "'\(key)' is not available yet; it is ignored", at: reader.location(of: key))
        }
        reader.notYet(.warning, ["udp.resolveDomain", "udpResolveDomain"])
        reader.notYet(.warning, GostVocabulary.multiplexing)
    }

    private static func ports(from reader: inout OptionReader) -> ClosedRange<UInt16>? {
        let lowest = reader.port("udp.bindRange.min", "udp.minPort")
        let highest = reader.port("udp.bindRange.max", "udp.maxPort")
        guard lowest != nil || highest != nil else { return nil }
        let (first, last) = (lowest?.value ?? 1, highest?.value ?? .max)
        guard first <= last else {
            reader.error(
                "the lowest UDP port, \(first), is above the highest, \(last)",
                at: lowest?.location)
            return nil
        }
        return first...last
    }
}

extension StatisticsOptions {
    /// Reads what concerns metering of a handler's metadata.
    init(from reader: inout OptionReader) {
        let named = reader.strings(
            "statsGUID", "tungo.statsGUID", "stats.guid", splitsAtCommas: true)
        var seen: Set<String> = []
        guids = named.filter { guid in
            if guid.value.isEmpty {
                reader.error("a GUID must not be empty", at: guid.location)
                return false
            }
            let isNew = seen.insert(guid.value).inserted
            if !isNew {
                reader.error("the GUID '\(guid.value)' is named twice", at: guid.location)
            }
            return isNew
        }
        compatibility =
            reader.choice(
                "stats.compat",
                among: ["documented": Compatibility.documented, "aerocore": .aerocore])
            ?? .documented
        reportsTCP = reader.bool("stats.tcp", default: false)
    }
}
