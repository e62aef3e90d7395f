import Codecs
import LinuxIO
import Routing

extension DialFault {
    /// What a log line says.
    var reason: String {
        switch self {
        case .name(.notFound): "the name has no address"
        case .name(.serverFailure): "the name servers failed"
        case .name(.timedOut): "no name server answered in time"
        case .name(.overloaded): "too many names are being resolved"
        case .denied(let reason): "not allowed: \(reason)"
        case .refused: "connection refused"
        case .networkUnreachable: "network unreachable"
        case .hostUnreachable: "host unreachable"
        case .timedOut: "timed out"
        case .failed(let error): error.description
        case .cut: "the gateway stops"
        }
    }

    /// Whether policy or a plugin said no.
    var isDenial: Bool {
        if case .denied = self { true } else { false }
    }

    /// The SOCKS5 reply that tells it (RFC 1928 §6).
    var reply: SOCKS5.Reply.Code {
        switch self {
        case .name: .hostUnreachable
        case .denied: .notAllowed
        case .refused: .connectionRefused
        case .networkUnreachable: .networkUnreachable
        case .hostUnreachable: .hostUnreachable
        case .timedOut: .ttlExpired
        case .failed, .cut: .generalFailure
        }
    }
}
