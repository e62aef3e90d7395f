import Bytes
import Options

/// The parts of `[scheme://][user:password@][host]:port[/path][?query]`, each with its column.
struct ServiceURL {
    /// A user and, behind a colon, a password.
    struct UserInfo {
        let name: Located<String>
        let password: Located<String>?
    }

    /// The words of the scheme in lower case, `+` between them; empty without a scheme.
    let scheme: [Located<String>]
    let user: UserInfo?
    /// Host and port as written.
    let host: Located<String>
    /// What stands between the slashes, not decoded.
    let path: Located<String>
    /// Keys as written with their first values, in the order of keys.
    private(set) var query: [(key: String, value: Located<String>)]

    /// Splits an argument; what is wrong is a fault.
    init(_ text: String, at location: Location) throws(YAMLFault) {
        let trimmed = Self.trim(text)
        let place = { (part: Substring) in
            location.advanced(
                by: text.unicodeScalars.distance(from: text.startIndex, to: part.startIndex))
        }
        if let mark = trimmed.firstIndex(of: "#") {
            throw YAMLFault(
                "'#' cannot stand here", at: place(trimmed[mark...]), hint: "write it as %23")
        }
        var rest = trimmed
        if !trimmed.hasPrefix(":"), let end = trimmed.firstRange(of: "://") {
            scheme = trimmed[..<end.lowerBound].split(
                separator: "+", omittingEmptySubsequences: false
            ).map { Located($0.lowercased(), at: place($0)) }
            rest = trimmed[end.upperBound...]
        } else {
            scheme = []
        }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        rest = rest[authority.endIndex...]
        let path = rest.prefix { $0 != "?" }
        rest = rest[path.endIndex...].dropFirst()

        let at = authority.lastIndex(of: "@")
        let host = at.map { authority[authority.index(after: $0)...] } ?? authority
        self.host = Located(String(host), at: place(host))
        user = try at.map { (end) throws(YAMLFault) in
            try Self.userInfo(authority[..<end], place)
        }
        let targets = Self.trimSlashes(path)
        self.path = Located(String(targets), at: place(targets))
        query = try Self.query(rest, place)
    }

    private static func trim(_ text: String) -> Substring {
        var trimmed = Substring(text).drop { $0.isWhitespace }
        while trimmed.last?.isWhitespace ?? false { trimmed = trimmed.dropLast() }
        return trimmed
    }

    private static func trimSlashes(_ path: Substring) -> Substring {
        var trimmed = path.drop { $0 == "/" }
        while trimmed.last == "/" { trimmed = trimmed.dropLast() }
        return trimmed
    }

    private static func userInfo(
        _ text: Substring, _ place: (Substring) -> Location
    ) throws(YAMLFault) -> UserInfo {
        let name = text.prefix { $0 != ":" }
        let rest = text[name.endIndex...]
        let decodedName = try decode(name, place, plusIsSpace: false)
        guard !rest.isEmpty else { return UserInfo(name: decodedName, password: nil) }
        let password = try decode(rest.dropFirst(), place, plusIsSpace: false)
        return UserInfo(name: decodedName, password: password)
    }

    private static func query(
        _ text: Substring, _ place: (Substring) -> Location
    ) throws(YAMLFault) -> [(key: String, value: Located<String>)] {
        var pairs: [(key: String, value: Located<String>)] = []
        for pair in text.split(separator: "&") {
            let key = pair.prefix { $0 != "=" }
            let decoded = try decode(key, place, plusIsSpace: true)
            let value = try decode(pair[key.endIndex...].dropFirst(), place, plusIsSpace: true)
            let isNew = !pairs.contains { $0.key.lowercased() == decoded.value.lowercased() }
            if isNew, !decoded.value.isEmpty { pairs.append((decoded.value, value)) }
        }
        return pairs.sorted { $0.key < $1.key }
    }

    private static func decode(
        _ text: Substring, _ place: (Substring) -> Location, plusIsSpace: Bool
    ) throws(YAMLFault) -> Located<String> {
        guard let decoded = PercentEncoding.decode(text, plusIsSpace: plusIsSpace) else {
            throw YAMLFault(
                "an escape with % must have two hexadecimal digits", at: place(text),
                hint: "write % itself as %25")
        }
        return Located(decoded, at: place(text))
    }

    /// Takes the first of `keys` that the query has, and all of them out of it.
    mutating func take(_ keys: String...) -> Located<String>? {
        var found: Located<String>?
        for key in keys {
            let index = query.firstIndex { $0.key.lowercased() == key.lowercased() }
            guard let index else { continue }
            let value = query.remove(at: index).value
            if found == nil, !value.value.isEmpty { found = value }
        }
        return found
    }

    /// The value of a key that stays in the query.
    func value(of key: String) -> Located<String>? {
        query.first { $0.key.lowercased() == key.lowercased() && !$0.value.value.isEmpty }?.value
    }

    /// `auth: {username, password}` from the user info, else from `?auth=BASE64`.
    mutating func takeAuth() throws(YAMLFault) -> Node? {
        let encoded = take("auth")
        var mapping: MappingBuilder
        if let user {
            mapping = MappingBuilder(at: user.name.location)
            mapping.add("username", user.name)
            mapping.add("password", user.password)
        } else if let encoded {
            guard let bytes = Base64.decodeAnyVariant(encoded.value),
                let text = String(validating: bytes, as: UTF8.self)
            else {
                throw YAMLFault(
                    "'auth' must be the base64 of user:password", at: encoded.location)
            }
            let name = text.prefix { $0 != ":" }
            let rest = text[name.endIndex...]
            mapping = MappingBuilder(at: encoded.location)
            mapping.add("username", Located(String(name), at: encoded.location))
            if !rest.isEmpty {
                mapping.add("password", Located(String(rest.dropFirst()), at: encoded.location))
            }
        } else {
            return nil
        }
        return mapping.node
    }
}
