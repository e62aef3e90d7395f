import Model
import Options
import Testing

@Suite("Option reader")
struct OptionReaderTests {
    @Test func `an absent mapping reads as defaults and says nothing`() {
        var reader = OptionReader(nil)
        #expect(reader.string("path", default: "here") == "here")
        #expect(reader.duration("interval", default: .seconds(5)) == .seconds(5))
        #expect(reader.integer("count", in: 0...9) == nil)
        #expect(reader.finish() == [])
    }

    @Test func `keys are found in any case`() {
        var reader = OptionReader(mapping(["UdpTimeOut": plain("3s")]))
        #expect(reader.duration("udpTimeout", default: .zero) == .seconds(3))
        #expect(reader.finish() == [])
    }

    @Test func `null reads as absent`() {
        var reader = OptionReader(mapping(["path": plain("~"), "name": quoted("null")]))
        #expect(reader.string("path") == nil)
        #expect(reader.string("name") == "null")
        #expect(reader.finish() == [])
    }

    @Test func `something that is no mapping is said once`() {
        var reader = OptionReader(plain("socks5"), named: "handler")
        #expect(reader.requiredString("type") == nil)
        reader.finish()
        #expect(
            reader.said == ["1:10 error: 'handler' must be a mapping (key: value), not text"])
    }

    @Test func `reading goes on behind a mistake`() {
        var reader = OptionReader(
            mapping(["one": plain("x"), "two": list(plain("a")), "three": plain("7")]))
        #expect(reader.integer("one", default: 1, in: 0...9) == 1)
        #expect(reader.string("two", default: "d") == "d")
        #expect(reader.integer("three", default: 1, in: 0...9) == 7)
        #expect(
            reader.said == [
                "1:10 error: 'one' must be a whole number from 0 to 9",
                "1:10 error: 'two' must be text",
            ])
    }

    @Test func `unknown keys are reported with what was meant`() {
        var reader = OptionReader(mapping(["intervall": plain("5s"), "zzz": plain("1")]))
        _ = reader.duration("interval", default: .seconds(5))
        _ = reader.string("path")
        reader.finish()
        #expect(
            reader.said == [
                "1:1 error: unknown key 'intervall' in 'options' (did you mean 'interval'?)",
                "2:1 error: unknown key 'zzz' in 'options' (known keys: interval, path)",
            ])
        let findings = reader.finish()
        #expect(findings.count == 2)
    }

    @Test func `unknown keys can be warnings, inside too`() {
        let node = mapping(["a": mapping(["x": plain("1")]), "y": plain("1")])
        var reader = OptionReader(node, unknownKeys: .warning)
        _ = reader.mapping("a") { _ in }
        reader.finish()
        #expect(
            reader.said == [
                "1:1 warning: unknown key 'x' in 'a'; it is ignored",
                "2:1 warning: unknown key 'y' in 'options'; it is ignored (known keys: a)",
            ])
    }

    @Test func `the first spelling is read and the second is said to be ignored`() {
        var reader = OptionReader(mapping(["b": plain("2"), "a": plain("1")]))
        #expect(reader.string("a", "b") == "1")
        #expect(
            reader.said == ["1:1 warning: 'b' is ignored: 'a' says the same and is read"])
    }

    @Test func `options of gost that are missing are named`() {
        var reader = OptionReader(mapping(["comp": plain("true"), "chain": plain("c")]))
        reader.notYet(.warning, ["comp", "hash"])
        reader.notYet(.error, ["chain"])
        reader.finish()
        #expect(
            reader.said == [
                "1:1 warning: 'comp' is not available yet; it is ignored",
                "2:1 error: 'chain' is not available yet",
            ])
    }

    @Test func `a required text is there and not empty`() {
        var reader = OptionReader(mapping(["guid": quoted("")]), named: "plugins")
        #expect(reader.requiredString("guid") == nil)
        #expect(reader.requiredString("type", hint: "such as wing-meter") == nil)
        #expect(
            reader.said == [
                "1:10 error: 'guid' must not be empty",
                "1:1 error: 'plugins' has no 'type' (such as wing-meter)",
            ])
    }

    @Test func `lists are read from lists, single texts and texts with commas`() {
        var reader = OptionReader(
            mapping([
                "a": list(plain("x"), plain("y")), "b": plain("x"), "c": plain("x, y,,z "),
                "d": list(plain("x"), list()),
            ]))
        #expect(reader.strings("a").map(\.value) == ["x", "y"])
        #expect(reader.strings("b").map(\.value) == ["x"])
        #expect(reader.strings("c", splitsAtCommas: true).map(\.value) == ["x", "y", "z"])
        #expect(reader.strings("d").map(\.value) == ["x"])
        #expect(reader.strings("absent").count == 0)
        #expect(reader.said == ["1:10 error: 'd' must be a list of text, not of a list"])
    }

    @Test(arguments: [
        ("true", true), ("True", true), ("1", true), ("t", true), ("17", true), ("false", false),
        ("0", false), ("F", false),
    ])
    func `booleans are read as gost reads them`(text: String, value: Bool) {
        var reader = OptionReader(mapping(["a": plain(text)]))
        #expect(reader.bool("a", default: !value) == value)
        #expect(reader.metadataBool("a", default: !value) == value)
        #expect(reader.finish() == [])
    }

    @Test func `a duration where a boolean belongs counts as false and is said`() {
        var reader = OptionReader(mapping(["keepalive": plain("30s"), "udp": plain("yes")]))
        #expect(reader.metadataBool("keepalive", default: true) == false)
        #expect(reader.metadataBool("udp", default: false) == false)
        #expect(
            reader.said == [
                "1:10 warning: 'keepalive' is true or false;"
                    + " a duration counts as false, as in gost",
                "1:10 error: 'udp' must be true or false",
            ])
    }

    @Test func `choices are words without regard to case`() {
        var reader = OptionReader(mapping(["a": plain("RR"), "b": plain("rond"), "c": list()]))
        let words: KeyValuePairs = ["round": 1, "rr": 1, "random": 2]
        #expect(reader.choice("a", among: words) == 1)
        #expect(reader.choice("b", among: words) == nil)
        #expect(reader.choice("c", among: words) == nil)
        #expect(reader.choice("d", among: words) == nil)
        #expect(
            reader.said == [
                "1:10 error: 'b' must be one of: round, rr, random (did you mean 'round'?)",
                "1:10 error: 'c' must be one of: round, rr, random",
            ])
    }

    @Test func `addresses, ports and ranges are checked`() {
        var reader = OptionReader(
            mapping([
                "a": plain("[::1]:53"), "b": plain("example:53"), "c": plain("0"),
                "d": plain("443"),
                "e": plain("10.0.0.0/8,192.0.2.1"), "f": list(plain("10.0.0.0/33")),
            ]))
        #expect(reader.endpoint("a")?.value == Endpoint(.loopbackV6, 53))
        #expect(reader.endpoint("b") == nil)
        #expect(reader.port("c") == nil)
        #expect(reader.port("d")?.value == 443)
        #expect(reader.prefixes("e").map(\.description) == ["10.0.0.0/8", "192.0.2.1/32"])
        #expect(reader.prefixes("f").count == 0)
        #expect(
            reader.said == [
                "1:10 error: 'b' must be an address and a port, such as 192.0.2.1:53",
                "1:10 error: 'c' must be a port from 1 to 65535",
                "1:10 error: 'f' must list addresses and ranges, such as 192.0.2.1 or 10.0.0.0/8",
            ])
    }

    @Test func `lists of mappings are read one by one`() {
        var reader = OptionReader(
            mapping([
                "nodes": list(
                    mapping(["n": plain("1")]), plain("x"), mapping(["m": plain("2")]))
            ]))
        let found = reader.mappings("nodes") { $0.integer("n", default: 0, in: 0...9) }
        #expect(found == [1, 0])
        #expect(
            reader.said == [
                "1:10 error: 'nodes' must be a list of mappings, not of text",
                "1:1 error: unknown key 'm' in 'nodes' (known keys: n)",
            ])
    }
}
