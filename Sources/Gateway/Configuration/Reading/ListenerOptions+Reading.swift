import Model
import Options

extension ListenerOptions {
    /// Reads `listener.type`; nil after a mistake.
    static func transport(
        from reader: inout OptionReader, handler: HandlerChoice
    ) -> TransportProtocol? {
        guard let type = reader.locatedString("type") else { return handler.defaultTransport }
        let name = type.value.lowercased()
        guard GostVocabulary.listeners.contains(name) else {
            let available = "available are: " + GostVocabulary.listeners.joined(separator: ", ")
            if GostVocabulary.laterListeners.contains(name) {
                reader.error(
                    "the listener '\(name)' is not available yet", at: type.location,
                    hint: available)
            } else {
                let known = GostVocabulary.listeners + GostVocabulary.laterListeners
                reader.error(
                    "there is no listener '\(name)'", at: type.location,
                    hint: Suggestion.hint(for: name, among: known) ?? available)
            }
            return nil
        }
        let transport: TransportProtocol = name == "udp" ? .udp : .tcp
        guard handler.isAvailable else { return transport }
        if !handler.isForward, transport == .udp {
            reader.error(
                "the handler '\(handler.type.value)' needs the listener 'tcp'", at: type.location)
            return nil
        }
        let isOdd = ["tcp", "udp"].contains(handler.type.value) && handler.type.value != name
        if isOdd {
            reader.warn(
                "the listener decides: this service forwards \(name.uppercased())",
                at: type.location)
        }
        return transport
    }

    /// Reports checks of users and other things that a listener of gost may have. Who writes them
    /// thinks that users are checked; where the handler checks none, that is an error.
    static func reportChecks(from reader: inout OptionReader, isHandlerOpen: Bool) {
        for key in ["auther", "authers", "auth"] where reader.has(key) {
            reader.report(
                Diagnostic(
                    isHandlerOpen ? .error : .warning, at: reader.location(of: key),
                    "'\(key)' does nothing in this listener",
                    hint: "put it into the handler, which checks users"))
        }
        reader.accept("auther", "authers", "auth")
        reader.notYet(.error, ["chain", "chainGroup", "tls"])
    }

    /// Reads `listener.metadata`.
    init(from reader: inout OptionReader, transport: TransportProtocol) {
        let fallback = Duration.seconds(5)
        switch transport {
        case .udp:
            let asked = reader.duration(
                "ttl", "keepalive.ttl", default: fallback, bareNumber: .isSeconds)
            // Sessions stay until they are idle; gost ends them after the first answer if false.
            _ = reader.metadataBool("keepalive", default: false)
            _ = reader.metadataBool("stateless", default: false)
            _ = reader.integer("backlog", in: 0...1_048_576)
            _ = reader.integer("readBufferSize", "udp.bufferSize", in: 0...1_048_576)
            _ = reader.integer("readQueueSize", "recvQueueSize", in: 0...1_048_576)
            self.init(transport: .udp, timeToLive: asked == .zero ? fallback : asked)
        case .tcp:
            for key in ["keepalive", "mptcp"] where reader.metadataBool(key, default: false) {
                reader.warn(
                    "'\(key)' is not available yet; it is ignored", at: reader.location(of: key))
            }
            reader.accept("keepalive.idle", "keepalive.interval", "keepalive.count", "reuseport")
            self.init(transport: .tcp, timeToLive: fallback)
        }
    }
}
