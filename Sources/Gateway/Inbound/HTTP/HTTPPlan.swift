import Codecs
import Model

/// What becomes of a request, by its head alone.
enum HTTPPlan {
    /// It is answered here.
    case answer(HTTPAnswer)
    /// CONNECT.
    case tunnel(Destination)
    /// CONNECT with gost's `X-Gost-Protocol: udp`: datagrams over the client's stream.
    case datagrams
    /// It goes on to an origin, with what `Max-Forwards` says there.
    case forward(HTTP1.AbsoluteTarget, forwards: Int?)

    /// Reads a head's intent.
    init(_ head: HTTP1.RequestHead, _ hop: HTTPHop) {
        if hop.hasSeen(head) {
            self = .answer(.loop)
            return
        }
        switch head.target {
        case .authority(let destination):
            self = Self.connected(head, destination)
        case .missing:
            self = Self.connected(head, nil)
        case .origin:
            self = .answer(.bad("this is a proxy: the target must be a whole http:// address"))
        case .asterisk:
            self = .answer(.options())
        case .absolute(let target):
            guard target.scheme == "http" else {
                self = .answer(.bad("only http:// is forwarded; CONNECT is for everything else"))
                return
            }
            self = Self.forwarded(head, target)
        }
    }

    /// What CONNECT asks for. gost names no target where datagrams go to several.
    private static func connected(
        _ head: HTTP1.RequestHead, _ destination: Destination?
    ) -> HTTPPlan {
        if head.framing != .none { return .answer(.bad("CONNECT has no content")) }
        if head.fields.contains("x-gost-protocol", member: "udp") { return .datagrams }
        guard let destination else { return .answer(.bad("CONNECT needs host and port")) }
        return .tunnel(destination)
    }

    private static func forwarded(
        _ head: HTTP1.RequestHead, _ target: HTTP1.AbsoluteTarget
    ) -> HTTPPlan {
        guard head.method == .trace || head.method == .options else {
            return .forward(target, forwards: nil)
        }
        if head.method == .trace, head.framing != .none {
            return .answer(.bad("TRACE has no content"))
        }
        let fields = head.fields.all("max-forwards")
        guard let field = fields.first else { return .forward(target, forwards: nil) }
        guard fields.count == 1, field.count <= 9,
            field.allSatisfy({ (48...57).contains($0) }),
            let count = Int(String(decoding: field, as: UTF8.self))
        else { return .answer(.bad("malformed Max-Forwards")) }
        if count > 0 { return .forward(target, forwards: count - 1) }
        return .answer(head.method == .trace ? .trace(head) : .options())
    }
}

extension HTTPAnswer {
    /// What we can do, to OPTIONS that goes no further.
    static func options() -> HTTPAnswer {
        var answer = HTTPAnswer(200, error: nil, "")
        answer.fields = [
            .init(
                name: "Allow",
                value: "CONNECT, GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE")
        ]
        answer.content = []
        return answer
    }

    /// The request as it came, to TRACE that goes no further, without what is secret
    /// (RFC 9110 §9.3.8).
    static func trace(_ head: HTTP1.RequestHead) -> HTTPAnswer {
        var seen = head
        for secret in ["proxy-authorization", "authorization", "cookie"] {
            seen.fields.removeAll(secret)
        }
        var answer = HTTPAnswer(200, error: nil, "")
        var content: [UInt8] = []
        seen.encode(into: &content)
        answer.content = content
        answer.contentType = "message/http"
        return answer
    }
}
