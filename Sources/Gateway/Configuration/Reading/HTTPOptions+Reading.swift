import Codecs
import Options

extension HTTPOptions {
    /// Reads the metadata of an HTTP handler. `readTimeout` is read by all handlers; here it bounds
    /// the wait for an answer, zero is gost's default, and below zero there is no bound.
    init(from reader: inout OptionReader, readTimeout: Duration, allowsUDP: Bool) {
        self.allowsUDP = allowsUDP
        answerTimeout =
            readTimeout == .zero ? .seconds(15) : readTimeout < .zero ? nil : readTimeout
        let head = reader.duration(
            "readHeaderTimeout", default: .zero, bareNumber: .isSeconds)
        headTimeout = head == .zero ? .seconds(15) : head
        // gost's default is false: it opens a connection for every request.
        keepsUpstreams = reader.metadataBool("http.keepalive", "keepalive", default: true)
        realm = Self.text("authBasicRealm", from: &reader, default: "gost")
        agent = Self.text("http.proxyAgent", "proxyAgent", from: &reader, default: "gost/3.0")
        answerFields = reader.mapping("http.header", "header") { Self.fields(from: &$0) } ?? []
        for key in ["http.compression", "compression"]
        where reader.metadataBool(key, default: false) {
            reader.warn(
                "'\(key)' is not available yet; it is ignored", at: reader.location(of: key))
        }
        reader.notYet(.warning, ["probeResist", "probe_resist", "knock"])
    }

    /// Text that is sent as part of a field.
    private static func text(
        _ keys: String..., from reader: inout OptionReader, default fallback: String
    ) -> String {
        let found: Located<String>? = reader.value(
            keys, mustBe: "text in one line, without quotes"
        ) { node in
            guard let text = node.text, HTTP1.isFieldValue(text.utf8),
                !text.utf8.contains(where: { $0 == UInt8(ascii: "\"") || $0 == 0x5c })
            else { return nil }
            return text
        }
        return found?.value ?? fallback
    }

    private static func fields(
        from reader: inout OptionReader
    ) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        for key in reader.keys {
            guard let value = reader.locatedString(key.text) else { continue }
            if !HTTP1.isToken(key.text.utf8) {
                reader.error("'\(key.text)' is no name of a header", at: key.location)
            } else if framing.contains(key.text.lowercased()) {
                reader.error("'\(key.text)' is said by Weir itself", at: key.location)
            } else if !HTTP1.isFieldValue(value.value.utf8) {
                reader.error(
                    "the value of a header is text in one line, without spaces at its ends",
                    at: value.location)
            } else {
                fields.append((key.text, value.value))
            }
        }
        return fields
    }

    /// Fields that decide where a message ends, or who hears of it.
    private static let framing: Set<String> = [
        "content-length", "transfer-encoding", "connection", "upgrade", "trailer", "te",
        "keep-alive", "content-type", "proxy-authenticate", "proxy-status", "proxy-agent",
    ]
}
