import Codecs
import LinuxIO
import Loop
import Model
import PluginKit

/// A request that was answered, with what the log says of it.
struct HTTPHandled {
    var response: RouteResponse
    let body: HTTPBodyReader
    let client: Endpoint
    var user: String?
}

/// From a request's head to the answer of its route.
extension HTTPServer {
    func handle(
        _ head: HTTP1.RequestHead, _ socket: StreamSocket, _ inbox: HTTPInbox
    ) async -> HTTPHandled {
        let (path, query) = Self.parts(of: head.target)
        let mount = path.flatMap { site.mount(for: $0) }
        let body = HTTPBodyReader(inbox, head, limit: mount?.route.bodyBytes ?? 0)
        let client = site.client(head, peer: socket.peer)
        func handled(_ response: RouteResponse, user: String? = nil) -> HTTPHandled {
            HTTPHandled(response: response, body: body, client: client, user: user)
        }
        if let objection = site.objection(to: head) {
            return handled(RouteResponse(status: 403, text: objection + "\n"))
        }
        if let expectation = head.fields.text("expect"),
            expectation.lowercased() != "100-continue"
        {
            return handled(RouteResponse(status: 417, text: "417 expectation failed"))
        }
        if let preflight = preflight(head) { return handled(preflight) }
        var user: String?
        if mount?.route.access != .own, let login = site.login {
            user = await HTTPSite.Credentials(head.fields).asyncFlatMap { await login($0, client) }
            guard user != nil else { return handled(unauthorized) }
        }
        guard let path, let mount else {
            return handled(RouteResponse(status: 404, text: "404 page not found"))
        }
        if body.fault == .tooLarge { return handled(Self.answer(to: .tooLarge)) }
        let request = RouteRequest(
            method: head.method.description, path: path, query: query,
            fields: head.fields.map {
                (
                    String(decoding: $0.name, as: UTF8.self),
                    String(decoding: $0.value, as: UTF8.self)
                )
            }, client: client, user: user, body: Self.body(of: body, on: loop))
        return handled(await answer(request, mount, body), user: user)
    }

    private func answer(
        _ request: RouteRequest, _ mount: HTTPSite.Mount, _ body: HTTPBodyReader
    ) async -> RouteResponse {
        do {
            let response = try await mount.answer(request)
            if let fault = body.fault { return Self.answer(to: fault) }
            return checked(response)
        } catch {
            if let fault = body.fault { return Self.answer(to: fault) }
            log(
                .warn, "an HTTP request failed",
                [("site", site.name), ("path", request.path), ("error", "\(error)")])
            return RouteResponse(status: 502, text: "502 no answer")
        }
    }

    private static func body(of reader: HTTPBodyReader, on loop: EventLoop) -> RouteBody {
        let reader = LoopConfined(reader)
        return RouteBody { try await loop.call { try await reader.value.next() }.get() }
    }

    /// A response that can be written: what a plugin made up may not end the head early.
    private func checked(_ response: RouteResponse) -> RouteResponse {
        let isSound = response.fields.allSatisfy {
            HTTP1.isToken($0.name.utf8) && HTTP1.isFieldValue($0.value.utf8)
        }
        guard isSound, (200...599).contains(response.status) else {
            log(.error, "a route's answer cannot be sent", [("site", site.name)])
            return RouteResponse(status: 500, text: "500 malformed answer")
        }
        return response
    }

    private static func answer(to fault: HTTPBodyFault) -> RouteResponse {
        switch fault {
        case .tooLarge: RouteResponse(status: 413, text: "413 content too large")
        case .malformed(let fault):
            RouteResponse(status: Int(fault.status), text: fault.description)
        case .stream(.timedOut): RouteResponse(status: 408, text: "408 request timeout")
        case .stream, .over: RouteResponse(status: 400, text: "400 incomplete request")
        }
    }

    // MARK: Logins and web pages

    private var unauthorized: RouteResponse {
        RouteResponse(
            status: 401,
            fields: [("WWW-Authenticate", "Basic realm=\"\(site.realm)\", charset=\"UTF-8\"")])
    }

    /// What a browser asks before a page of an allowed origin may ask.
    private func preflight(_ head: HTTP1.RequestHead) -> RouteResponse? {
        guard head.method == .options, !site.allowedOrigins.isEmpty,
            let origin = head.fields.text("origin"), site.allows(origin),
            let method = head.fields.text("access-control-request-method")
        else { return nil }
        return RouteResponse(
            status: 204,
            fields: [
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Allow-Methods", method),
                (
                    "Access-Control-Allow-Headers",
                    head.fields.text("access-control-request-headers") ?? "authorization"
                ), ("Vary", "Origin"),
            ])
    }

    /// The fields of an answer, with those that are the server's.
    func fields(of response: RouteResponse, to head: HTTP1.RequestHead) -> HTTP1.Fields {
        var fields = HTTP1.Fields()
        fields.append("Date", HTTPDate.text(milliseconds: loop.driver.wallMilliseconds()))
        let own = [
            "date", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade",
        ]
        for (name, value) in response.fields where !own.contains(name.lowercased()) {
            fields.append(name, value)
        }
        if !fields.contains("cache-control") { fields.append("Cache-Control", "no-store") }
        fields.append("X-Content-Type-Options", "nosniff")
        if !site.allowedOrigins.isEmpty, !fields.contains("access-control-allow-origin") {
            if let origin = head.fields.text("origin"), site.allows(origin) {
                fields.append("Access-Control-Allow-Origin", origin)
            }
            fields.append("Vary", "Origin")
        }
        return fields
    }

    // MARK: Targets and the log

    private static func parts(of target: HTTP1.Target) -> (path: String?, query: String?) {
        let bytes: [UInt8]
        switch target {
        case .origin(let path): bytes = path
        case .absolute(let target): bytes = target.path.isEmpty ? [UInt8(ascii: "/")] : target.path
        case .authority, .asterisk, .missing: return (nil, nil)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let mark = text.firstIndex(of: "?") else { return (text, nil) }
        return (String(text[..<mark]), String(text[text.index(after: mark)...]))
    }

    func tell(
        _ head: HTTP1.RequestHead, _ status: Int, _ handled: HTTPHandled, milliseconds: UInt64
    ) {
        guard site.logsAccess else { return }
        log(
            .info, "request",
            [
                ("site", site.name), ("method", head.method.description),
                ("path", Self.parts(of: head.target).path ?? "*"), ("status", String(status)),
                ("client", handled.client.description), ("user", handled.user ?? ""),
                ("milliseconds", String(milliseconds)),
            ])
    }
}

extension Optional {
    /// `flatMap` with a wait.
    fileprivate func asyncFlatMap<Result>(
        _ transform: (Wrapped) async -> Result?
    ) async -> Result? {
        guard let self else { return nil }
        return await transform(self)
    }
}
