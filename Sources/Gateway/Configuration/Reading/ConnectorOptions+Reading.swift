import Options

extension ConnectorOptions {
    /// Reads `connector:` and its metadata; nil where its type is not available.
    init?(
        from reader: inout OptionReader, metadata: inout OptionReader, fallback: Location?,
        files: inout FileAccess
    ) {
        reader.accept("metadata")
        let place = reader.location ?? fallback ?? Location(file: "", line: 1, column: 1)
        let type = (reader.locatedString("type") ?? Located("http", at: place))
            .map { $0.lowercased() }
        let login = reader.mapping("auth") { Login(from: &$0, files: &files) } ?? nil
        self.type = type
        self.login = login
        var datagramForm = DatagramForm.any
        switch type.value {
        case "http":
            kind = .http(fields: Self.fields(from: &metadata))
        case "socks5", "socks":
            kind = .socks5
            metadata.accept("notls")
            datagramForm = Self.datagramForm(from: &metadata)
            // Datagrams of any size go whole.
            metadata.accept("udp.bufferSize", "udpBufferSize")
            // Flows end as the service says.
            metadata.notYet(.warning, ["udp.timeout"])
            metadata.notYet(.warning, GostVocabulary.multiplexing)
        case "forward", "tcp":
            kind = .passThrough
            if login != nil {
                reader.error(
                    "the connector '\(type.value)' has no login", at: reader.location(of: "auth"))
            }
        default:
            reader.accept("tls")
            reader.refuseType(
                type.value, kind: "connector", at: type.location,
                available: GostVocabulary.connectors, later: GostVocabulary.laterConnectors)
            return nil
        }
        let asked = metadata.duration("timeout", default: .zero, bareNumber: .isSeconds)
        timeout = asked > .zero ? asked : nil
        self.datagramForm = datagramForm
        reader.notYet(.error, ["tls"])
    }

    /// `relay:`; to gost all that is not `udp` is UDP over TCP.
    private static func datagramForm(from metadata: inout OptionReader) -> DatagramForm {
        guard let text = metadata.locatedString("relay") else { return .any }
        switch text.value.lowercased() {
        case "", "auto": return .any
        case "udp": return .associate
        case "tcp": return .frames
        default:
            metadata.warn(
                "'relay' is udp, tcp or auto; '\(text.value)' is taken for tcp", at: text.location)
            return .frames
        }
    }

    /// Fields that the message itself decides.
    private static let reserved = [
        "host", "content-length", "transfer-encoding", "connection", "proxy-connection",
        "proxy-authorization", "upgrade", "te", "trailer",
    ]

    private static func fields(from metadata: inout OptionReader) -> [HeaderField] {
        guard let node = metadata.node("header", "http.header") else { return [] }
        guard case .mapping(let entries) = node.value else {
            metadata.error(
                "'header' must be a mapping of names and values", at: node.location,
                hint: "such as header: {User-Agent: weir}")
            return []
        }
        return entries.compactMap { entry in
            let (name, value) = (entry.key.text, entry.value.text ?? "")
            let isName = !name.isEmpty && name.utf8.allSatisfy(Self.isToken)
            guard isName, !reserved.contains(name.lowercased()) else {
                metadata.error(
                    isName
                        ? "the header field '\(name)' is decided by the message"
                        : "this is no name of a header field", at: entry.key.location)
                return nil
            }
            guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 9 }) else {
                metadata.error(
                    "a header field has no line breaks and control characters",
                    at: entry.value.location)
                return nil
            }
            return HeaderField(name: name, value: value)
        }
    }

    /// RFC 9110 §5.6.2.
    private static func isToken(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7f && !"\"(),/:;<=>?@[\\]{}".utf8.contains(byte)
    }
}

extension ConnectorOptions.Login {
    /// Reads `auth: {username, password, file}` of a connector; nil after a mistake.
    init?(from reader: inout OptionReader, files: inout FileAccess) {
        if let path = reader.locatedString("file") {
            reader.accept("username", "password")
            let lines = files.lines(of: path, comments: .wholeLines, visibility: .hidden)
            guard let words = lines?.first, words.count <= 2 else {
                if lines != nil {
                    reader.error("'\(path.value)' has no line 'user password'", at: path.location)
                }
                return nil
            }
            self.init(
                username: words[0].value, password: words.count == 2 ? words[1].value : "",
                at: path.location, &reader)
            return
        }
        let username = reader.requiredString("username")
        let password = reader.string("password", default: "")
        guard let username else { return nil }
        self.init(
            username: username.value, password: password, at: username.location, &reader)
    }

    /// RFC 1929 §2.
    private init?(
        username: String, password: String, at place: Location, _ reader: inout OptionReader
    ) {
        guard username.utf8.count <= 255, password.utf8.count <= 255 else {
            reader.error("a user name and a password have at most 255 bytes", at: place)
            return nil
        }
        self.init(username: username, password: password)
    }
}
