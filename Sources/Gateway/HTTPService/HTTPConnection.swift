import Codecs
import LinuxIO
import Loop
import Model
import PluginKit

/// One client's connection: requests in their order, one after another.
///
/// ## Concurrency
/// Confined to the server's loop.
final class HTTPConnection {
    let socket: StreamSocket
    private let server: HTTPServer
    private let inbox: HTTPInbox
    private var isFirst = true
    /// Whether it waits for a request, of which nothing has come.
    private(set) var isIdle = true
    private(set) var since: UInt64 = 0

    init(_ socket: StreamSocket, server: HTTPServer) {
        self.socket = socket
        self.server = server
        inbox = HTTPInbox(socket)
    }

    func serve() async {
        while !server.isDraining, await serveRequest() { isFirst = false }
        socket.close()
    }

    /// Serves one request; whether another may follow.
    private func serveRequest() async -> Bool {
        isIdle = inbox.unread.isEmpty
        since = socket.loop.nowNanoseconds
        switch await readHead() {
        case .head(let head):
            return await answer(head)
        case .fault(let status, let text):
            return await refuse(status, text)
        case .nothing:
            return false
        }
    }

    private enum Read {
        case head(HTTP1.RequestHead)
        case fault(Int, String)
        case nothing
    }

    private func readHead() async -> Read {
        var progress = HTTP1.HeadProgress()
        inbox.releaseDeadline()
        if isIdle && !isFirst {
            inbox.setDeadline(milliseconds: Limits.httpIdleMilliseconds)
        }
        do throws(StreamFault) {
            while true {
                if !isIdle || isFirst {
                    inbox.setDeadline(milliseconds: Limits.httpHeadMilliseconds, once: true)
                }
                let decoded = inbox.unread.withUnsafeBytes {
                    HTTP1.RequestHead.decode($0.bytes, resuming: &progress)
                }
                switch decoded {
                case .needs:
                    try await inbox.fill()
                    isIdle = false
                case .value(let head, let count):
                    inbox.drop(count)
                    isIdle = false
                    inbox.releaseDeadline()
                    return .head(head)
                case .fault(let fault):
                    return .fault(Int(fault.status), fault.description)
                }
            }
        } catch {
            guard error == .timedOut, !inbox.unread.isEmpty else { return .nothing }
            return .fault(408, "the request did not come in time")
        }
    }

    // MARK: Answering

    private func answer(_ head: HTTP1.RequestHead) async -> Bool {
        let started = socket.loop.nowNanoseconds
        let handled = await server.handle(head, socket, inbox)
        let (response, body) = (handled.response, handled.body)
        var mayFollow = head.isPersistent && !server.isDraining
        if body.fault != nil { mayFollow = false }
        if mayFollow { mayFollow = await body.skipRest() }
        body.end()
        let isSent = await send(response, answering: head, mayFollow: mayFollow)
        server.tell(
            head, response.status, handled,
            milliseconds: (socket.loop.nowNanoseconds - started) / 1_000_000)
        switch isSent {
        case .whole:
            if !mayFollow { await farewell() }
            return mayFollow
        case .cut:
            // Without its last chunk an answer looks cut; one that ends with the connection does
            // so only by a reset.
            if head.version == .http10 { socket.reset() }
            return false
        }
    }

    private func refuse(_ status: Int, _ text: String) async -> Bool {
        socket.forgiveTimeout()
        let response = RouteResponse(status: status, text: text + "\n")
        let head = HTTP1.RequestHead(.get, .asterisk)
        if await send(response, answering: head, mayFollow: false) == .whole { await farewell() }
        return false
    }

    private enum Sent {
        case whole
        case cut
    }

    private func send(
        _ response: RouteResponse, answering head: HTTP1.RequestHead, mayFollow: Bool
    ) async -> Sent {
        socket.forgiveTimeout()
        let isChunked = head.version == .http11
        var bytes: [UInt8] = []
        var fields = server.fields(of: response, to: head)
        let hasContent = head.method != .head && response.status != 204 && response.status != 304
        switch response.body {
        case .bytes(let content):
            if response.status != 204 { fields.append("Content-Length", String(content.count)) }
        case .stream:
            if isChunked { fields.append("Transfer-Encoding", "chunked") }
        }
        let isUnbounded: Bool =
            if case .stream = response.body { hasContent && !isChunked } else { false }
        if !mayFollow || isUnbounded {
            fields.append("Connection", "close")
        } else if head.version == .http10 {
            fields.append("Connection", "keep-alive")
        }
        HTTP1.ResponseHead(
            UInt16(clamping: response.status), reason: HTTPStatus.reason(response.status),
            fields: fields
        ).encode(into: &bytes)
        do throws(StreamFault) {
            guard hasContent else {
                try await inbox.write(bytes)
                return .whole
            }
            switch response.body {
            case .bytes(let content):
                try await inbox.write(bytes + content)
                return .whole
            case .stream(let produce):
                try await inbox.write(bytes)
                return await stream(produce, isChunked: isChunked)
            }
        } catch {
            return .cut
        }
    }

    private func stream(
        _ produce:
            @Sendable (@escaping @Sendable ([UInt8]) async throws -> Void) async throws -> Void,
        isChunked: Bool
    ) async -> Sent {
        let (loop, inbox) = (socket.loop, LoopConfined(inbox))
        do {
            try await produce { piece in
                guard !piece.isEmpty else { return }
                var framed: [UInt8] = []
                if isChunked { HTTP1.encodeChunkSize(piece.count, into: &framed) }
                framed += piece
                if isChunked { framed += HTTP1.chunkEnd }
                let bytes = framed
                try await loop.call { try await inbox.value.write(bytes) }.get()
            }
            var end: [UInt8] = []
            if isChunked { HTTP1.encodeLastChunk(into: &end) }
            try await self.inbox.write(end)
            return .whole
        } catch {
            server.log(
                .debug, "an answer was not finished", [("error", "\(error)")])
            return .cut
        }
    }

    /// Closes our end first, and reads away for a moment what still comes: closing with unread
    /// bytes would reset the connection, and the client would lose the answer.
    private func farewell() async {
        socket.shutdownSending()
        inbox.setDeadline(milliseconds: 1000)
        while (try? await inbox.fill()) != nil { inbox.drop(inbox.unread.count) }
    }
}
