import Model
import Testing

@Suite("JSON as written")
struct JSONTextTests {
    private func written(_ write: (inout JSONText) -> Void) -> String {
        var json = JSONText()
        write(&json)
        return json.text
    }

    @Test("has commas between members, elements and nothing else")
    func commas() {
        let text = written { json in
            json.beginObject()
            json.field("a", 1)
            json.key("b")
            json.beginList()
            json.value("x")
            json.value(nil as String?)
            json.beginObject()
            json.endObject()
            json.beginList()
            json.endList()
            json.value(true)
            json.endList()
            json.field("c", ["y", "z"])
            json.field("d", [String]())
            json.endObject()
            json.endLine()
            json.value(false)
        }
        #expect(text == #"{"a":1,"b":["x",null,{},[],true],"c":["y","z"],"d":[]}"# + "\nfalse")
    }

    @Test("keeps every digit of whole numbers")
    func numbers() {
        #expect(written { $0.value(UInt64.max) } == "18446744073709551615")
        #expect(written { $0.value(Int64.min) } == "-9223372036854775808")
        #expect(written { $0.value(0) } == "0")
    }

    @Test(
        "escapes what JSON or a terminal would take for something else, and nothing else",
        arguments: [
            ("", #""""#), (#"a"b\c/"#, #""a\"b\\c/""#), ("\n\r\t", #""\n\r\t""#),
            ("\u{0}\u{1}\u{1f} ", #""\u0000\u0001\u001f ""#), ("\u{7f}", #""\u007f""#),
            ("\u{80}\u{9f}\u{a0}", "\"\\u0080\\u009f\u{a0}\""),
            ("Zoë 🐟 \u{ff}", "\"Zoë 🐟 \u{ff}\""),
            ("\"\u{301}", "\"\\\"\u{301}\""),
        ])
    func strings(_ text: String, _ expected: String) {
        #expect(Array(written { $0.value(text) }.utf8) == Array(expected.utf8))
        #expect(Array(written { $0.field(text, nil) }.utf8) == Array((expected + ":null").utf8))
    }
}
