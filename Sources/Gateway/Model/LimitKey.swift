/// What one line of a limiter is about.
public enum LimitKey: Hashable, Sendable, CustomStringConvertible {
    /// `$`: everything together.
    case everything
    /// `$$`: each connection by itself.
    case eachConnection
    /// `192.0.2.1` or `10.0.0.0/8`: each client address in the range, all its connections together.
    case addresses(IPPrefix)
    /// `$ip`: each client address that no other line is about.
    case eachAddress
    /// `user:alice`: one user, all its connections together.
    case user(String)
    /// `$user`: each user that no other line is about.
    case eachUser

    /// Reads what stands first in a limiter's line; nil for anything else.
    public init?(_ text: String) {
        switch text {
        case "$": self = .everything
        case "$$": self = .eachConnection
        case "$ip": self = .eachAddress
        case "$user", "user:*": self = .eachUser
        default:
            if text.hasPrefix("user:"), text.utf8.count > 5 {
                self = .user(String(text.dropFirst(5)))
            } else if let prefix = IPPrefix(text) {
                self = .addresses(prefix)
            } else {
                return nil
            }
        }
    }

    /// As a limiter's line has it.
    public var description: String {
        switch self {
        case .everything: "$"
        case .eachConnection: "$$"
        case .addresses(let prefix):
            prefix.length == (prefix.address.isV4 ? 32 : 128)
                ? "\(prefix.address)" : "\(prefix)"
        case .eachAddress: "$ip"
        case .user(let name): "user:\(name)"
        case .eachUser: "$user"
        }
    }
}
