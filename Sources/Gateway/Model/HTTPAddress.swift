/// An `http://` or `https://` URL of a server that the gateway asks for something.
///
/// It may carry a user, a password or a key in its query, so its description leaves them out.
public struct HTTPAddress: Sendable, Hashable, CustomStringConvertible {
    /// The URL as it was written. Never log it.
    public let text: String
    /// Whether it is `https`.
    public let isSecure: Bool
    /// A name or an address, IPv6 without brackets.
    public let host: String
    /// The port, 80 or 443 unless it was written.
    public let port: UInt16
    /// Whether a user or password stands in it.
    public let hasCredentials: Bool
    private let authority: String
    private let path: String

    /// Reads a URL; nil where it is none of these schemes, has no host or a wrong port, or holds
    /// anything but printable ASCII.
    public init?(_ text: String) {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != 0x5c && $0 != 0x23 }) else {
            return nil
        }
        let lowered = text.lowercased()
        isSecure = lowered.hasPrefix("https://")
        guard isSecure || lowered.hasPrefix("http://") else { return nil }
        let rest = text.dropFirst(isSecure ? 8 : 7)
        let named = rest.prefix { $0 != "/" && $0 != "?" }
        let at = named.lastIndex(of: "@")
        hasCredentials = at != nil
        let place = at.map { named[named.index(after: $0)...] } ?? named
        guard let (host, port) = Self.split(place, fallback: isSecure ? 443 : 80) else {
            return nil
        }
        self.host = host
        self.port = port
        self.text = text
        authority = String(place)
        path = String(rest.dropFirst(named.count).prefix { $0 != "?" })
        hasQuery = rest.contains("?")
    }

    private let hasQuery: Bool

    private static func split(
        _ place: Substring, fallback: UInt16
    ) -> (host: String, port: UInt16)? {
        let (host, port): (Substring, Substring?)
        if place.hasPrefix("[") {
            guard let end = place.firstIndex(of: "]") else { return nil }
            host = place[place.index(after: place.startIndex)..<end]
            guard let address = IPAddress(host), !address.isV4 else { return nil }
            let behind = place[place.index(after: end)...]
            guard behind.isEmpty || behind.hasPrefix(":") else { return nil }
            port = behind.isEmpty ? nil : behind.dropFirst()
        } else {
            let parts = place.split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            host = parts[0]
            guard !host.contains("[") else { return nil }
            port = parts.count == 2 ? parts[1] : nil
        }
        guard !host.isEmpty else { return nil }
        guard let port else { return (String(host), fallback) }
        guard let number = Endpoint.port(port), number > 0 else { return nil }
        return (String(host), number)
    }

    /// The host as a URL and a `Host` field have it, with the port where one was written.
    public var authorityText: String { authority }

    /// Whether nobody but this machine can listen in: an address of loopback, or `localhost`.
    public var isLoopback: Bool {
        host.lowercased() == "localhost" || IPAddress(host)?.isLoopback == true
    }

    /// Scheme, host, port and path, for logs; `…` stands for a query.
    public var description: String {
        "http\(isSecure ? "s" : "")://\(authority)\(path)\(hasQuery ? "?…" : "")"
    }
}
