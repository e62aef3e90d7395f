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
        if given == nil {
            reader.error(
                "the handler has no 'type', and gost's default, auto, is not available yet",
                at: place, hint: available)
        } else if GostVocabulary.laterHandlers.contains(type.value) {
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

    /// Whether its traffic goes to a forwarder.
    var isForward: Bool { ["tcp", "udp", "forward"].contains(type.value) }
}
