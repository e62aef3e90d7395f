import Model
import Options

/// Which handler a service names, and whether we have it.
struct HandlerChoice {
    /// As written.
    let type: Located<String>
    /// Whether this version has it. Its options are not looked at otherwise.
    let isAvailable: Bool

    /// Reads `handler.type`; gost's default is `auto`.
    init(from reader: inout OptionReader, isReadable: Bool, fallback: Location) {
        let given = reader.locatedString("type")
        let place = reader.location ?? fallback
        type = (given ?? Located("auto", at: place)).map { $0.lowercased() }
        isAvailable = GostVocabulary.handlers.contains(type.value)
        guard !isAvailable, isReadable else { return }
        let available = "available are: " + GostVocabulary.handlers.joined(separator: ", ")
        if GostVocabulary.laterHandlers.contains(type.value) {
            reader.error(
                "the handler '\(type.value)' is not available yet", at: type.location,
                hint: available)
        } else {
            let known = GostVocabulary.handlers + GostVocabulary.laterHandlers
            reader.error(
                "there is no handler '\(type.value)'", at: type.location,
                hint: Suggestion.hint(for: type.value, among: known) ?? available)
        }
    }

    /// The listener a service gets that names none.
    var defaultTransport: TransportProtocol { type.value == "udp" ? .udp : .tcp }

    /// Handlers that have their options in common.
    enum Group {
        case socks
        case forward
        case http
        case auto
    }

    /// Which options it has; those of SOCKS where there is no such handler.
    var group: Group {
        switch type.value {
        case "tcp", "udp", "forward": .forward
        case "http": .http
        case "auto": .auto
        default: .socks
        }
    }

    /// Whether its traffic goes to a forwarder.
    var isForward: Bool { group == .forward }

    /// Whether it speaks HTTP with its clients.
    var isHTTP: Bool { group == .http || group == .auto }
}
