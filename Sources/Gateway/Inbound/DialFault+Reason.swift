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
        case .egress(let reason): "cannot leave as configured: \(reason)"
        case .node(let name, let fault): "node \(name): \(fault.reason)"
        case .cut: "the gateway stops"
        }
    }

    /// The SOCKS5 reply that tells it (RFC 1928 §6).
    var reply: SOCKS5.Reply.Code {
        switch ofDestination {
        case .name: .hostUnreachable
        case .denied: .notAllowed
        case .refused: .connectionRefused
        case .networkUnreachable: .networkUnreachable
        case .hostUnreachable: .hostUnreachable
        case .timedOut: .ttlExpired
        case .failed, .egress, .node, .cut: .generalFailure
        }
    }
}

extension NodeFault {
    /// What a log line says.
    var reason: String {
        switch self {
        case .unreachable(let fault): "cannot be reached: \(fault.reason)"
        case .ended: "closed the connection before it answered"
        case .timedOut: "did not answer in time"
        case .failed(let error): error.description
        case .malformed(let what): "does not speak the protocol of its connector: \(what)"
        case .loginRefused: "refuses our user and password"
        case .refused(let what): "refuses: \(what)"
        case .destination(let fault): "says of the destination: \(fault.reason)"
        }
    }
}
