import CodecTesting
import Codecs
import Testing

@Suite("JSON, RFC 8259")
struct JSONTests {
    private static func whole(_ text: String) -> JSON? { JSON.whole(Array(text.utf8)) }

    static let vectors: [(text: String, value: JSON)] = [
        (#"{}"#, .object([])),
        (#"[]"#, .list([])),
        (#"[ null , true,false ]"#, .list([.null, .bool(true), .bool(false)])),
        (
            #"{"ok":true,"id":"alice"}"#,
            .object([.init("ok", .bool(true)), .init("id", .string("alice"))])
        ),
        (
            #"[0,-0,10,-12.50,1e3,1.5E-10]"#,
            .list(["0", "-0", "10", "-12.50", "1e3", "1.5E-10"].map { .number($0) })
        ),
        (
            #"["\"\\\/\b\f\n\r\t\u0041\u00e9\uD83D\uDE00é😀"]"#,
            .list([.string("\"\\/\u{8}\u{c}\n\r\tA\u{e9}😀é😀")])
        ),
        (
            #"{"a":{"b":[{"c":""}]}}"#,
            .object([.init("a", .object([.init("b", .list([.object([.init("c", .string(""))])]))]))]
            )
        ),
    ]

    @Test(arguments: vectors)
    func `a value is read whole, and nothing before it is`(text: String, value: JSON) {
        #expect(checkEveryPrefix(of: Array(text.utf8), gives: value, decode: JSON.decode) == [])
        #expect(Self.whole(" \n\t\r" + text + "\r\n ") == value)
    }

    @Test(arguments: [
        "", " ", "{", "[1", "tru", "nul", "\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "-",
        "1.", "1e", "1e+", "\"\\", "\"\\u00", "\"\\ud83d",
    ])
    func `what ends early needs more, and is nothing whole`(text: String) {
        #expect(decode(Array(text.utf8), by: JSON.decode) == .needs(moreBytes: 1))
        #expect(Self.whole(text) == nil)
    }

    @Test(arguments: [
        ("}", 0), ("[,]", 1), ("[1,]", 3), ("[1 2]", 3), ("{,}", 1), ("{\"a\"}", 4), ("{a:1}", 1),
        ("{\"a\":1,}", 7), ("[01]", 2), ("[+1]", 1), ("[.5]", 1), ("[1.x]", 3), ("[1ex]", 3),
        ("[- 1]", 2), ("tRue", 1), ("NaN", 0), ("'a'", 0), ("[\"\\x\"]", 3), ("\"\\u00g0\"", 5),
        ("\"a\nb\"", 2), ("\"\u{0}\"", 1), ("\u{feff}{}", 0), ("{1:2}", 1), ("[\"a\" \"b\"]", 5),
    ])
    func `what no byte can mend is a fault at its place`(text: String, position: Int) {
        #expect(
            decode(Array(text.utf8), by: JSON.decode) == .fault(.unexpected(position: position)))
    }

    @Test func `what others read in two ways is refused`() {
        #expect(
            decode(Array(#"{"ok":true,"ok":false}"#.utf8), by: JSON.decode)
                == .fault(.duplicate(position: 11)))
        // An escaped name is the same name.
        #expect(Self.whole(#"{"ok":true,"\u006fk":false}"#) == nil)
        #expect(Self.whole(#"{"ok":true} {"ok":false}"#) == nil)
        #expect(Self.whole(#"{"ok":true}x"#) == nil)
    }

    @Test(arguments: [
        #"["\ud83d"]"#, #"["\ud83dx"]"#, #"["\ud83d\n"]"#, #"["\ud83d\u0041"]"#, #"["\ude00"]"#,
    ])
    func `a lone surrogate is no text`(text: String) {
        #expect(
            decode(Array(text.utf8), by: JSON.decode).isNotUnicode, "\(text)")
    }

    @Test(arguments: [
        [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82],
    ])
    func `bytes that are no UTF-8 are no text`(bytes: [UInt8]) {
        let text = Array("[\"".utf8) + bytes + Array("\"]".utf8)
        #expect(decode(text, by: JSON.decode).isNotUnicode)
    }

    @Test func `nesting has a bound, and deep nesting costs nothing`() {
        let deepest = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(Self.whole(deepest) != nil)
        #expect(
            decode(Array(("[" + deepest).utf8), by: JSON.decode)
                == .fault(.tooDeep(position: 64)))
        let bomb = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(decode(bomb, by: JSON.decode) == .fault(.tooDeep(position: 64)))
    }

    @Test func `members are looked up with their types`() throws {
        let value = try #require(
            Self.whole(#"{"a":"x","n":-9223372036854775808,"b":true,"l":[1]}"#))
        #expect(value["a"]?.text == "x" && value["a"]?.truth == nil && value["z"] == nil)
        #expect(value["n"]?.int64 == .min && value["b"]?.truth == true)
        #expect(value["l"]?.elements?.first?.int64 == 1 && value.elements == nil)
        for number in ["1.0", "1e3", "9223372036854775808"] {
            #expect(Self.whole("[\(number)]")?.elements?.first?.int64 == nil)
        }
    }

    @Test func `hostile input is never more than a fault`() {
        let examples = Self.vectors.map { Array($0.text.utf8) }
        #expect(
            checkRandomInput(like: examples, rounds: 20_000, seed: 8259, decode: JSON.decode) == [])
    }
}

extension Decoded where Value == JSON, Fault == JSON.Fault {
    fileprivate var isNotUnicode: Bool {
        if case .fault(.notUnicode) = self { return true }
        return false
    }
}
