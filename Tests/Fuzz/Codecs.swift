// One libFuzzer target over all codecs. The first byte of an input selects the codec, the rest is
// what a peer might send. Beside memory errors and traps it looks for answers that break the
// decoders' rules, and for values that do not survive being written and read again.
//
// Built by fuzz.sh with plain swiftc; not part of the package.

import Bytes
import Codecs
import Model

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCodecs(_ start: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    guard count > 0 else { return 0 }
    let body = UnsafeRawBufferPointer(start: start + 1, count: count - 1)
    let targets = [
        fuzzGreeting, fuzzCredentials, fuzzRequest, fuzzReply, fuzzUDPHeader, fuzzSOCKS4, fuzzDNS,
        fuzzSmallReplies, fuzzHost, fuzzProxyProtocol, fuzzHTTPRequest, fuzzHTTPResponse,
        fuzzHTTPChunks, fuzzStreamHeader, fuzzJSON,
    ]
    targets[Int(start[0]) % targets.count](body.bytes)
    return 0
}

private func fuzzGreeting(_ bytes: RawSpan) {
    guard let greeting = value(of: SOCKS5.Greeting.decode(bytes), bytes) else { return }
    // 255 is taken in an offer and never sent in one.
    guard !greeting.offers(.noneAcceptable) else { return }
    let written = [UInt8](capacity: SOCKS5.Greeting.maximumByteCount) { greeting.encode(into: &$0) }
    expect(SOCKS5.Greeting.decode(written.span.bytes), is: greeting, of: written)
}

private func fuzzCredentials(_ bytes: RawSpan) {
    guard let credentials = value(of: SOCKS5.Credentials.decode(bytes), bytes) else { return }
    let written = [UInt8](capacity: SOCKS5.Credentials.maximumByteCount) {
        precondition(credentials.encode(into: &$0), "what was read must fit")
    }
    expect(SOCKS5.Credentials.decode(written.span.bytes), is: credentials, of: written)
}

private func fuzzRequest(_ bytes: RawSpan) {
    guard let request = value(of: SOCKS5.Request.decode(bytes), bytes) else { return }
    let written = [UInt8](capacity: SOCKS5.Request.maximumByteCount) {
        precondition(request.encode(into: &$0), "what was read must fit")
    }
    expect(SOCKS5.Request.decode(written.span.bytes), is: request, of: written)
}

private func fuzzReply(_ bytes: RawSpan) {
    guard let reply = value(of: SOCKS5.Reply.decode(bytes), bytes),
        case .address(let address) = reply.bound.host
    else { return }
    let bound = Endpoint(address, reply.bound.port)
    let written = [UInt8](capacity: SOCKS5.Reply.maximumByteCount) {
        SOCKS5.Reply.encode(reply.code, bound: bound, into: &$0)
    }
    expect(SOCKS5.Reply.decode(written.span.bytes), is: reply, of: written)
}

private func fuzzUDPHeader(_ bytes: RawSpan) {
    guard let header = value(of: SOCKS5.UDPHeader.decode(bytes), bytes) else { return }
    let written = [UInt8](capacity: 262) {
        precondition(header.encode(into: &$0), "what was read must fit")
    }
    expect(SOCKS5.UDPHeader.decode(written.span.bytes), is: header, of: written)
}

private func fuzzStreamHeader(_ bytes: RawSpan) {
    guard let header = value(of: SOCKS5.StreamHeader.decode(bytes), bytes),
        let destination = header.destination
    else { return }
    let datagramHeader = [UInt8](capacity: 262) {
        let isWritten = SOCKS5.UDPHeader(destination: destination).encode(into: &$0)
        precondition(isWritten, "what was read must fit")
    }
    let written = [UInt8](capacity: 262) { writer in
        datagramHeader.withUnsafeBytes {
            SOCKS5.StreamHeader.encode(
                payloadByteCount: header.payloadByteCount, datagramHeader: $0, into: &writer)
        }
    }
    expect(SOCKS5.StreamHeader.decode(written.span.bytes), is: header, of: written)
}

private func fuzzSOCKS4(_ bytes: RawSpan) {
    guard let request = value(of: SOCKS4.Request.decode(bytes), bytes) else { return }
    // A 4a name may turn out to be an IPv6 address, which SOCKS4 cannot send.
    if case .address(let address) = request.destination.host, !address.isV4 { return }
    let written = [UInt8](capacity: SOCKS4.Request.maximumByteCount) {
        precondition(request.encode(into: &$0), "what was read must fit")
    }
    // 0.0.0.x read from a 4a name would be written as an address that announces a name.
    if case .address(let address) = request.destination.host, address.v4Bits >> 8 == 0 { return }
    expect(SOCKS4.Request.decode(written.span.bytes), is: request, of: written)
}

private func fuzzDNS(_ bytes: RawSpan) {
    guard let response = value(of: DNS.Response.decode(bytes), bytes) else { return }
    precondition(response.records.count <= DNS.Response.recordsMax, "records are bounded")
    for record in response.records {
        let chain = response.follow(record.name)
        precondition(chain.addresses.count <= response.records.count, "addresses come from records")
        precondition(!record.name.description.isEmpty, "every name has a text")
    }
    guard let question = response.question else { return }
    let query = DNS.Query(id: response.id, question)
    precondition(response.answers(query), "a response answers its own question")
    let written = [UInt8](capacity: DNS.Query.maximumByteCount) { query.encode(into: &$0) }
    precondition(!written.isEmpty, "a query has bytes")
}

private func fuzzProxyProtocol(_ bytes: RawSpan) {
    guard let header = value(of: ProxyProtocol.decode(bytes), bytes) else { return }
    for version in ProxyProtocol.Version.allCases {
        let written = [UInt8](capacity: ProxyProtocol.maximumByteCount) {
            header.encode(version, into: &$0)
        }
        expect(ProxyProtocol.decode(written.span.bytes), is: header, of: written)
    }
}

private func fuzzSmallReplies(_ bytes: RawSpan) {
    _ = value(of: SOCKS5.Method.decodeReply(bytes), bytes)
    _ = value(of: SOCKS5.Credentials.decodeReply(bytes), bytes)
}

private func fuzzHost(_ bytes: RawSpan) {
    guard let host = Destination.Host(text: bytes) else { return }
    let text = Array(Destination(host: host, port: 1).description.dropLast(2).utf8)
    switch host {
    case .name(let name):
        precondition(Array(name.utf8) == text, "a name is kept as it is")
        precondition(DNS.Name(name) != nil, "a name can be asked for")
    case .address(let address):
        precondition(IPAddress(address.description) == address, "an address can be read back")
    }
}

private func fuzzHTTPRequest(_ bytes: RawSpan) {
    guard let head = value(of: HTTP1.RequestHead.decode(bytes), bytes) else { return }
    var written: [UInt8] = []
    head.encode(into: &written)
    expect(HTTP1.RequestHead.decode(written.span.bytes), is: head, of: written)
    if head.framing != .none {
        precondition(head.fields.count >= 1, "framing comes from a field")
        precondition(
            head.framing != .chunked || !head.fields.contains("content-length"),
            "a message has one length")
    }
}

private func fuzzHTTPResponse(_ bytes: RawSpan) {
    guard let head = value(of: HTTP1.ResponseHead.decode(bytes), bytes) else { return }
    var written: [UInt8] = []
    head.encode(into: &written)
    expect(HTTP1.ResponseHead.decode(written.span.bytes), is: head, of: written)
    precondition(head.framing(answering: .head) == .none, "HEAD has no content")
}

/// Chunked content, at once and byte by byte, is the same; what is written from it is read again.
private func fuzzHTTPChunks(_ bytes: RawSpan) {
    let all = bytes.withUnsafeBytes { Array($0) }
    let whole = readChunks([all])
    precondition(whole == readChunks(all.map { [$0] }), "parts change nothing")
    guard let trailers = whole.trailers, !whole.data.isEmpty else { return }
    var written: [UInt8] = []
    HTTP1.encodeChunkSize(whole.data.count, into: &written)
    written += whole.data + HTTP1.chunkEnd
    HTTP1.encodeLastChunk(trailers: trailers, into: &written)
    let again = readChunks([written])
    precondition(again.data == whole.data && again.trailers == trailers, "what is written is read")
}

private struct Content: Equatable {
    var data: [UInt8] = []
    var trailers: HTTP1.Fields?
    var fault: HTTP1.Fault?
}

private func readChunks(_ parts: [[UInt8]]) -> Content {
    var (reader, content) = (HTTP1.ChunkReader(.request), Content())
    for part in parts {
        var offset = 0
        reading: while true {
            switch reader.next(part.span.bytes, from: &offset) {
            case .data(let range): content.data += part[range]
            case .needsMore: break reading
            case .end(let trailers):
                content.trailers = trailers
                return content
            case .fault(let fault):
                content.fault = fault
                return content
            }
        }
    }
    return content
}

/// The value, if it is one; checks what every answer must hold.
private func value<Value, Fault>(of decoded: Decoded<Value, Fault>, _ bytes: RawSpan) -> Value? {
    switch decoded {
    case .needs(let more):
        precondition(more > 0, "needs more than nothing")
        return nil
    case .value(let value, let consumed):
        precondition((1...bytes.byteCount).contains(consumed), "consumes what there is")
        return value
    case .fault:
        return nil
    }
}

private func expect<Value: Equatable, Fault>(
    _ decoded: Decoded<Value, Fault>, is value: Value, of written: [UInt8]
) {
    guard case .value(let again, written.count) = decoded, again == value else {
        preconditionFailure("\(value) was written as \(written) and read as \(decoded)")
    }
}

private func fuzzJSON(_ bytes: RawSpan) { _ = value(of: JSON.decode(bytes), bytes) }
