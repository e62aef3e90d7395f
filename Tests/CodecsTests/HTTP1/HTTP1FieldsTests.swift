import Codecs
import Testing

@Suite("HTTP/1 fields")
struct HTTP1FieldsTests {
    @Test func `names are compared without case and values kept in order`() {
        var fields = HTTP1RequestTests.fields(["A": "1", "b": "2", "a": "3"])
        #expect(fields.text("a") == "1")
        #expect(fields.all("A").map { String(decoding: $0, as: UTF8.self) } == ["1", "3"])
        #expect(fields.contains("B"))
        #expect(!fields.contains("c"))
        #expect(fields.first("c") == nil)
        fields.set("A", "4")
        #expect(fields == HTTP1RequestTests.fields(["b": "2", "A": "4"]))
        fields.removeAll("B")
        #expect(fields == HTTP1RequestTests.fields(["A": "4"]))
        fields.removeAll { $0.value.first == UInt8(ascii: "4") }
        #expect(fields.isEmpty)
    }

    @Test func `comma lists run over several lines`() {
        let fields = HTTP1RequestTests.fields([
            "Connection": "close, , X-A\t,", "connection": "Keep-Alive", "Other": "x",
        ])
        let members = fields.members("connection").map { String(decoding: $0, as: UTF8.self) }
        #expect(members == ["close", "X-A", "Keep-Alive"])
        #expect(fields.contains("CONNECTION", member: "keep-alive"))
        #expect(!fields.contains("connection", member: "keep"))
        #expect(!fields.contains("other", member: "y"))
    }

    @Test func `values of foreign origin can be asked about`() {
        #expect(HTTP1.isFieldValue("a b\tc\u{e9}".utf8))
        #expect(HTTP1.isFieldValue("".utf8))
        for text in ["a\r\nX: y", " a", "a ", "a\0", "\u{7f}"] {
            #expect(!HTTP1.isFieldValue(text.utf8))
        }
        #expect(HTTP1.isToken("X-A_1".utf8))
        for text in ["", "a b", "a:", "\u{e9}"] { #expect(!HTTP1.isToken(text.utf8)) }
    }
}
