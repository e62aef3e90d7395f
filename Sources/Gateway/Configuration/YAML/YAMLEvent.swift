import Options

/// One step of a YAML file, with the place where it starts and ends.
struct YAMLEvent {
    /// What a step is. Styles and directives that make no difference to values are left out.
    enum Kind {
        case streamEnd
        case documentStart
        case documentEnd
        case alias(String)
        case scalar(String, isQuoted: Bool)
        case sequenceStart
        case sequenceEnd
        case mappingStart
        case mappingEnd
    }

    let kind: Kind
    let anchor: String?
    let tag: String?
    let start: Location
    let end: Location
}

/// Why a file could not be read to its end.
struct YAMLFault: Error {
    let message: String
    let location: Location
    let hint: String?

    init(_ message: String, at location: Location, hint: String? = nil) {
        self.message = message
        self.location = location
        self.hint = hint
    }

    var diagnostic: Diagnostic { Diagnostic(.error, at: location, message, hint: hint) }
}
