import Codecs
import Routing

/// An answer of our own: a status with its reason, in words and as `Proxy-Status` (RFC 9209).
struct HTTPAnswer {
    let status: UInt16
    /// The error type of RFC 9209 §2.3; nil where nothing went wrong.
    let error: String?
    /// One sentence for the user.
    let text: String
    /// What else the head says.
    var fields: [HTTPSettings.Field] = []
    /// The content instead of `text`.
    var content: [UInt8]?
    var contentType = "text/plain; charset=utf-8"

    init(_ status: UInt16, error: String?, _ text: String) {
        self.status = status
        self.error = error
        self.text = text
    }

    /// Whoever asks must log in.
    static func login(realm: String) -> HTTPAnswer {
        var answer = HTTPAnswer(407, error: "http_request_denied", "this proxy needs a login")
        let quoted = realm.filter { $0 != "\"" && $0 != "\\" }
        answer.fields = [.init(name: "Proxy-Authenticate", value: "Basic realm=\"\(quoted)\"")]
        return answer
    }

    /// A client's message is none.
    init(_ fault: HTTP1.Fault) {
        self.init(fault.status, error: "http_request_error", "\(fault)")
    }

    /// The destination cannot be reached.
    init(_ fault: DialFault) {
        switch fault.ofDestination {
        case .name(.notFound):
            self.init(502, error: "dns_error", "the name of the server has no address")
        case .name(.serverFailure):
            self.init(502, error: "dns_error", "the name servers failed")
        case .name(.timedOut):
            self.init(504, error: "dns_timeout", "no name server answered in time")
        case .name(.overloaded):
            self.init(503, error: "connection_limit_reached", "too many names are being resolved")
        case .denied:
            self.init(403, error: "http_request_denied", "this destination is not allowed here")
        case .refused:
            self.init(502, error: "connection_refused", "the server refused the connection")
        case .networkUnreachable:
            self.init(502, error: "destination_ip_unroutable", "there is no route to the server")
        case .hostUnreachable:
            self.init(502, error: "destination_ip_unroutable", "the server cannot be reached")
        case .timedOut:
            self.init(504, error: "connection_timeout", "the server did not answer in time")
        case .failed, .egress:
            self.init(503, error: "destination_unavailable", "the connection could not be made")
        case .node:
            self.init(
                502, error: "destination_unavailable", "a proxy on the way does not serve us")
        case .cut:
            self.init(503, error: "proxy_internal_response", "the proxy stops")
        }
    }

    /// The origin ended its connection without an answer.
    static let noAnswer = HTTPAnswer(
        502, error: "connection_terminated", "the server closed the connection without an answer")
    /// The origin's answer breaks off in its head.
    static let incomplete = HTTPAnswer(
        502, error: "http_response_incomplete", "the answer of the server breaks off")
    /// The origin said nothing in time.
    static let late = HTTPAnswer(
        504, error: "http_response_timeout", "the server did not answer in time")
    /// The client's head did not come in time.
    static let lateHead = HTTPAnswer(
        408, error: "http_request_error", "the request did not come in time")
    /// The request came through here already.
    static let loop = HTTPAnswer(
        502, error: "proxy_loop_detected", "the request has passed this proxy before")
    /// What is left of a quota does not cover the request.
    static let usedUp = HTTPAnswer(
        403, error: "http_request_denied", "what is left of a quota does not cover the request")
    /// There is no room for another flow.
    static let noRoom = HTTPAnswer(
        503, error: "proxy_internal_error", "the proxy has no memory for another request")

    /// A request that a proxy cannot act on.
    static func bad(_ text: String) -> HTTPAnswer {
        HTTPAnswer(400, error: "http_request_error", text)
    }

    /// Writes it behind `output`.
    func encode(
        into output: inout [UInt8], _ settings: HTTPSettings, closes: Bool, isHead: Bool
    ) {
        var fields = HTTP1.Fields()
        fields.append("Proxy-Agent", settings.agent)
        for field in settings.answerFields + self.fields { fields.append(field.name, field.value) }
        if let error { fields.append("Proxy-Status", "weir; error=\(error)") }
        let content = self.content ?? Array("\(status) \(reason): \(text)\n".utf8)
        fields.append("Content-Type", contentType)
        fields.append("Content-Length", String(content.count))
        if closes { fields.append("Connection", "close") }
        HTTP1.ResponseHead(status, reason: reason, fields: fields).encode(into: &output)
        if !isHead { output.append(contentsOf: content) }
    }

    private var reason: String {
        switch status {
        case 200: "OK"
        case 400: "Bad Request"
        case 403: "Forbidden"
        case 407: "Proxy Authentication Required"
        case 408: "Request Timeout"
        case 414: "URI Too Long"
        case 431: "Request Header Fields Too Large"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Error"
        }
    }
}
