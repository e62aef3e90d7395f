import Inbound
import KernelTesting
import Model
import Testing

@Suite("Request smuggling: what the origin gets has one reading", .timeLimit(.minutes(5)))
struct HTTPSmugglingTests {
    /// A strict judge: how many whole requests the bytes are, or nil where they are anything else.
    private func judge(_ bytes: [UInt8]) -> Int? {
        var rest = bytes[...]
        var count = 0
        while !rest.isEmpty {
            guard let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
            let head = String(decoding: rest[..<end.lowerBound], as: UTF8.self)
            rest = rest[end.upperBound...]
            let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
            let isPlain = head.utf8.allSatisfy { $0 >= 32 && $0 < 127 || $0 == 13 || $0 == 10 }
            guard isPlain, lines[0].hasSuffix(" HTTP/1.1"),
                lines[0].split(separator: " ").count == 3
            else { return nil }
            var fields: [String: [String]] = [:]
            for line in lines.dropFirst() {
                let parts = line.split(separator: ": ", maxSplits: 1)
                guard parts.count == 2, !parts[0].contains(" "), !line.contains("\n")
                else { return nil }
                fields[parts[0].lowercased(), default: []].append(String(parts[1]))
            }
            guard fields["host"] == ["origin.example"] else { return nil }
            let (lengths, codings) = (fields["content-length"], fields["transfer-encoding"])
            if let lengths {
                guard codings == nil, lengths.count == 1, let length = Int(lengths[0]),
                    String(length) == lengths[0], length <= rest.count
                else { return nil }
                rest = rest.dropFirst(length)
            } else if let codings {
                guard codings == ["chunked"], let behind = chunks(rest) else { return nil }
                rest = behind
            }
            count += 1
        }
        return count
    }

    private func chunks(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var rest = bytes
        while true {
            guard let end = rest.firstRange(of: Array("\r\n".utf8)),
                let size = Int(String(decoding: rest[..<end.lowerBound], as: UTF8.self), radix: 16)
            else { return nil }
            rest = rest[end.upperBound...].dropFirst(size)
            guard rest.starts(with: Array("\r\n".utf8)) else { return nil }
            rest = rest.dropFirst(2)
            if size == 0 { return rest }
        }
    }

    /// Forms of a request behind which another one hides.
    private static let forms: [String: String] = [
        "CL.TE": "Content-Length: 35\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "TE.CL": "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n",
        "two lengths": "Content-Length: 0\r\nContent-Length: 40\r\n\r\n",
        "equal lengths": "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "a list of lengths": "Content-Length: 0, 40\r\n\r\n",
        "a signed length": "Content-Length: +0\r\n\r\n",
        "a negative length": "Content-Length: -1\r\n\r\n",
        "a hexadecimal length": "Content-Length: 0x0\r\n\r\n",
        "an empty length": "Content-Length:\r\n\r\n",
        "a huge length": "Content-Length: 18446744073709551616\r\n\r\n",
        "a space before the colon": "Content-Length : 40\r\n\r\n",
        "a folded length": "Content-Length:\r\n 40\r\n\r\n",
        "a folded coding": "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        "a coding twice": "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "two codings": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "identity": "Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n",
        "xchunked": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "a quoted coding": "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
        "a vertical tab": "Transfer-Encoding: \u{0b}chunked\r\n\r\n0\r\n\r\n",
        "NUL": "X: a\0b\r\n\r\n",
        "a bare line feed": "X: a\nContent-Length: 40\r\n\r\n",
        "a bare carriage return": "X: a\rContent-Length: 40\r\n\r\n",
        "line feeds only": "X: a\n\n",
        "two hosts": "Host: other.example\r\n\r\n",
        "a chunk size too long": "Transfer-Encoding: chunked\r\n\r\n00000000000000000\r\n\r\n",
        "a chunk size with 0x": "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        "a chunk without its end": "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        "a chunk line with a line feed":
            "Transfer-Encoding: chunked\r\n\r\n1;\nx\r\na\r\n0\r\n\r\n",
        "a line feed behind a chunk": "Transfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n",
        "a length in Connection": "Connection: content-length\r\nContent-Length: 3\r\n\r\nabc",
        "a coding in Connection":
            "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "1\r\na\r\n0\r\n\r\n",
        "a length in trailers":
            "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 40\r\n\r\n",
        "a coding in capitals": "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
        "an upgrade with content":
            "Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\na",
    ]

    @Test(arguments: forms.keys.sorted())
    func `a hidden request is not sent on as part of another`(name: String) throws {
        let form = try #require(Self.forms[name])
        let bench = try HTTPBench { stream, _ in
            stream.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        }
        let client = try bench.client()
        let request = "POST http://origin.example/ HTTP/1.1\r\nHost: origin.example\r\n" + form
        client.send(request + "GET http://origin.example/hidden HTTP/1.1\r\nHost: a\r\n\r\n")
        bench.run(milliseconds: 500)
        for connection in bench.origin.connections where connection.error == nil {
            #expect(judge(connection.received) != nil, "\(bench.received())")
        }
        let text = String(decoding: client.received, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 "))
        // Two requests, or a refusal of the first that ends the connection; nothing between.
        let answers = text.components(of: "HTTP/1.1 ") - 1
        if text.hasPrefix("HTTP/1.1 200") {
            #expect(answers == 2)
        } else {
            #expect(answers == 1 && client.hasEnded)
            #expect(!bench.received().contains("hidden"))
        }
        bench.finish(client)
    }

    @Test(arguments: [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "Content-Length: +5\r\n\r\nhello", "X: a\nb: c\r\n\r\n", "X: a\rb\r\n\r\n",
        "Content-Length: 5\r\n X: folded\r\n\r\nhello", "Transfer-Encoding: gzip, chunked\r\n\r\n",
        "X y: 1\r\n\r\n", "Content-Length : 5\r\n\r\nhello",
    ])
    func `an answer with two readings is none`(fields: String) throws {
        let bench = try HTTPBench(answering: "HTTP/1.1 200 OK\r\n" + fields)
        let client = try bench.client()
        let answer = bench.exchange(client, HTTPBench.get())
        #expect(answer.firstLine == "HTTP/1.1 502 Bad Gateway")
        #expect(answer.contains("Proxy-Status: weir; error="))
        bench.finish(client)
    }
}
