import Model

/// The functions of rules, by name.
enum RuleFunction: String, CaseIterable {
    case clientIP = "ClientIP"
    case network = "Network"
    case host = "Host"
    case hostRegexp = "HostRegexp"

    /// Functions of gost that look into a request of HTTP.
    private static let ofRequests = [
        "Method", "Path", "PathPrefix", "PathRegexp", "Header", "HeaderRegexp", "Query",
        "QueryRegexp", "BodyJSON", "BodyRegexp",
    ]
    /// Functions of gost that are not here yet.
    private static let later = ["Proto", "Bypass", "Admission"]

    /// The function of a name, where a rule of `subject` may call it.
    static func named(
        _ name: String, at offset: Int, for subject: Rule.Subject
    ) throws(RuleFault) -> RuleFunction {
        let wanted = name.lowercased()
        let usable = allCases.filter { $0.isKnown(to: subject) }
        let hint = "there are " + usable.map(\.rawValue).joined(separator: ", ")
        if let function = usable.first(where: { $0.rawValue.lowercased() == wanted }) {
            return function
        }
        if ofRequests.contains(where: { $0.lowercased() == wanted }) {
            throw RuleFault(
                "'\(name)' looks into a request of HTTP, and what goes through here is not read",
                at: offset, hint: hint)
        }
        if allCases.contains(where: { $0.rawValue.lowercased() == wanted }) {
            throw RuleFault(
                "'\(name)' asks where a client wants to go, which a forwarder's client does not"
                    + " say", at: offset, hint: hint)
        }
        if later.contains(where: { $0.lowercased() == wanted }) {
            throw RuleFault("'\(name)' is not available in rules yet", at: offset, hint: hint)
        }
        throw RuleFault("there is no condition '\(name)'", at: offset, hint: hint)
    }

    private func isKnown(to subject: Rule.Subject) -> Bool {
        switch (self, subject) {
        case (_, .chain), (.clientIP, .forwarder), (.network, .forwarder): true
        case (.host, .forwarder), (.hostRegexp, .forwarder): false
        }
    }

    /// What a call with one argument asks.
    func test(_ argument: RuleArgument) throws(RuleFault) -> RuleTest {
        switch self {
        case .clientIP:
            guard let prefix = IPPrefix(argument.text) else {
                throw RuleFault(
                    "ClientIP takes an address or a range", at: argument.offset,
                    hint: "such as 192.0.2.1 or 10.0.0.0/8")
            }
            return .clientAddress(prefix)
        case .network:
            switch argument.text.lowercased() {
            case "tcp": return .network(.tcp)
            case "udp": return .network(.udp)
            default: throw RuleFault("Network is tcp or udp", at: argument.offset)
            }
        case .host:
            return try Self.host(argument)
        case .hostRegexp:
            return .hostPattern(try Self.pattern(argument))
        }
    }

    private static func host(_ argument: RuleArgument) throws(RuleFault) -> RuleTest {
        var name = argument.text.lowercased()
        var port: UInt16?
        if let endpoint = Endpoint(name) {
            return .host(
                endpoint.address.description, includesBelow: false, port: endpoint.port)
        }
        if let address = IPAddress(name) {
            return .host(address.description, includesBelow: false, port: nil)
        }
        if let colon = name.lastIndex(of: ":") {
            guard let number = Endpoint.port(name[name.index(after: colon)...]) else {
                throw RuleFault("this is no host", at: argument.offset)
            }
            port = number
            name = String(name[..<colon])
        }
        if name.hasPrefix("*.") { name.removeFirst() }
        if name.hasSuffix(".") { name.removeLast() }
        let isName =
            name.utf8.contains { $0 != 0x2e }
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"*?[]/:".utf8.contains($0) }
        guard isName else {
            throw RuleFault(
                "this is no host", at: argument.offset,
                hint: "such as example.com, *.example.com or 192.0.2.1; see HostRegexp for others")
        }
        return .host(name, includesBelow: name.hasPrefix("."), port: port)
    }

    private static func pattern(_ argument: RuleArgument) throws(RuleFault) -> Pattern {
        do throws(Pattern.Fault) {
            // Names of hosts are the same in both cases.
            return try Pattern(argument.text, ignoringCase: true)
        } catch {
            throw RuleFault(
                "this pattern cannot be read: \(error.message)",
                at: argument.offset + 1 + error.offset)
        }
    }
}
