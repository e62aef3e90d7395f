import Model
import Options

extension ServiceOptions {
    /// Reads one entry of `services:`.
    init(from reader: inout OptionReader, files: inout FileAccess) {
        let name = reader.name(of: "service")
        self.name = name
        address =
            Self.address(from: &reader) ?? Located(Endpoint(.loopbackV4, 0), at: name.location)
        let handlerNode = reader.node("handler")
        let listenerNode = reader.node("listener")
        let unknownKeys = reader.unknownKeys
        var metadata = Metadata(
            handler: handlerNode?.child("metadata"), listener: listenerNode?.child("metadata"),
            service: reader.node("metadata"), unknownKeys: unknownKeys)

        var handlerReader = OptionReader(handlerNode, named: "handler", unknownKeys: unknownKeys)
        if handlerNode == nil { reader.missing("handler", hint: "such as handler: {type: socks5}") }
        handlerReader.accept("metadata")
        let choice = HandlerChoice(
            from: &handlerReader, isReadable: handlerNode?.isMapping ?? false,
            fallback: name.location)

        var listenerReader = OptionReader(listenerNode, named: "listener", unknownKeys: unknownKeys)
        listenerReader.accept("metadata")
        let transport = ListenerOptions.transport(from: &listenerReader, handler: choice)

        listener = ListenerOptions(from: &metadata.listener, transport: transport ?? .tcp)
        handler = HandlerOptions(
            from: &handlerReader, metadata: &metadata.handler, choice: choice, files: &files)
        ListenerOptions.reportChecks(from: &listenerReader, isHandlerOpen: handler.isOpen)
        forwarder = reader.mapping("forwarder") {
            ForwarderOptions(from: &$0, transport: transport ?? .tcp)
        }
        Self.checkForwarder(forwarder, handler: handler, choice: choice, &reader)
        resolver = reader.locatedString("resolver")
        hosts = reader.locatedString("hosts")
        connectionLimiter = reader.locatedString("climiter")
        arrivalLimiter = reader.locatedString("rlimiter")
        quotas = reader.strings("quotas")
        limiters = LimiterReference.read(
            &reader, metadata: &metadata, handler: &handlerReader)
        observer = ObserverReference.read(service: &reader, metadata: &metadata.service)
        handlerObserver = ObserverReference.read(
            handler: &handlerReader, metadata: &metadata.handler)
        admissions = reader.strings("admission") + reader.strings("admissions")
        bypasses = reader.strings("bypass") + reader.strings("bypasses")
        allowsPrivateDestinations =
            metadata.service.choice(
                "privateDestinations", among: ["allow": true, "deny": false]) ?? true
        proxyHeaders = ProxyHeaderOptions(
            from: &metadata.service, transport: transport, address: address.value)
        Self.checkIntroduction(handler, transport: transport, &reader)
        ignoresChain = metadata.service.metadataBool("ignoreChain", default: false)
        egress = EgressOptions.read(&reader, metadata: &metadata.service).options
        let asked = metadata.service.duration(
            "dialTimeout", default: .zero, bareNumber: .isSeconds)
        dialTimeout = asked > .zero ? asked : .milliseconds(Limits.dialMilliseconds)
        if !ignoresChain {
            Self.reportOffChain(handler, &reader)
        }
        Self.reportLater(&reader, &metadata.service)
        if !choice.isAvailable || transport == nil { metadata.acceptAll() }
        reader.report(handlerReader.finish())
        reader.report(listenerReader.finish())
        reader.report(metadata.finish())
    }

    private static func address(from reader: inout OptionReader) -> Located<Endpoint>? {
        let examples = "such as :8080, 127.0.0.1:8080 or [::1]:8080"
        guard let text = reader.requiredString("addr", hint: examples) else { return nil }
        switch ListenAddress.read(text.value) {
        case .success(let endpoint):
            return Located(endpoint, at: text.location)
        case .failure(let fault):
            reader.error("'addr' \(fault.reason)", at: text.location, hint: examples)
            return nil
        }
    }

    private static func checkForwarder(
        _ forwarder: ForwarderOptions?, handler: HandlerOptions, choice: HandlerChoice,
        _ reader: inout OptionReader
    ) {
        guard choice.isAvailable else { return }
        switch handler.kind {
        case .forward:
            if forwarder == nil, !reader.has("forwarder") {
                reader.missing(
                    "forwarder", hint: "such as forwarder: {nodes: [{addr: 192.0.2.1:80}]}")
            }
        case .socks5, .http, .auto:
            if let forwarder {
                reader.warn(
                    "'forwarder' is ignored: \(choice.type.value) goes where its client says",
                    at: forwarder.nodes.first?.destination.location
                        ?? reader.location(of: "forwarder"))
            }
        }
    }

    /// What does not go through a chain must not go past it.
    private static func reportOffChain(_ handler: HandlerOptions, _ reader: inout OptionReader) {
        guard let chain = handler.route.chains.first?.name else { return }
        switch handler.kind {
        case .socks5(let socks), .auto(_, let socks):
            guard socks.allowsBind else { return }
            reader.warn(
                "BIND does not go through chains: clients of this service are refused it",
                at: chain.location)
        case .http, .forward:
            break
        }
    }

    private static func reportLater(
        _ reader: inout OptionReader, _ metadata: inout OptionReader
    ) {
        reader.notYet(.error, GostVocabulary.decisiveServiceKeys)
        reader.notYet(.warning, GostVocabulary.laterServiceKeys)
        metadata.notYet(.error, GostVocabulary.decisiveServiceMetadata)
        metadata.notYet(.warning, GostVocabulary.laterServiceMetadata)
    }

    private static func checkIntroduction(
        _ handler: HandlerOptions, transport: TransportProtocol?, _ reader: inout OptionReader
    ) {
        guard case .forward(let forward) = handler.kind, let version = forward.proxyProtocol,
            transport == .udp
        else { return }
        reader.error(
            "'proxyProtocol' has no place in front of datagrams", at: version.location,
            hint: "forward TCP, or leave it out: targets then see the gateway's address")
    }
}
