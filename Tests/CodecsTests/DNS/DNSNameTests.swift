import Bytes
import CodecTesting
import Codecs
import Testing

@Suite("DNS name, RFC 1035 §3.1 and §4.1.4")
struct DNSNameTests {
    private func decodeName(_ bytes: [UInt8], at position: Int = 0)
        -> Decoded<DNS.Name, DNS.Name.Fault>
    {
        var reader = ByteReader(bytes.span.bytes)
        _ = reader.skip(position)
        return DNS.Name.decode(&reader)
    }

    @Test(arguments: [
        ("one label", "a", hex("01 61 00")),
        ("two", "example.com", hex("07 6578616d706c65 03 636f6d 00")),
        ("a dot at the end", "a.b.", hex("01 61 01 62 00")),
        ("capitals", "ExAmple", hex("07 6578616d706c65 00")),
    ])
    func `text becomes labels in lower case`(name: String, text: String, wire: [UInt8]) throws {
        let decoded = try #require(DNS.Name(text))
        let bytes = [UInt8](capacity: decoded.byteCount) { decoded.encode(into: &$0) }
        #expect(bytes == wire)
        #expect(decodeName(wire) == .value(decoded, bytesConsumed: wire.count))
        for count in 0..<wire.count {
            guard case .needs(let more) = decodeName(Array(wire[..<count])) else {
                Issue.record("\(count) bytes are enough")
                continue
            }
            #expect((1...wire.count - count).contains(more))
        }
    }

    @Test func `names that differ in case are equal`() {
        #expect(
            decodeName(hex("03 57 77 57 00"))
                == DNS.Name("wWw").map { .value($0, bytesConsumed: 5) })
    }

    @Test(arguments: [
        ("empty", ""), ("a dot", "."), ("two dots", "a..b"), ("a dot first", ".a"),
        ("a label of 64", String(repeating: "a", count: 64)),
        ("256 bytes of wire", String(repeating: "a.", count: 127) + "a"),
    ])
    func `text that is no name is nil`(name: String, text: String) {
        #expect(DNS.Name(text) == nil)
    }

    @Test func `the longest name is 255 bytes of wire`() {
        let text = String(repeating: "a.", count: 126) + "a"
        #expect(DNS.Name(text)?.byteCount == 255)
    }

    @Test func `a pointer leads to an earlier name and ends this one`() {
        let bytes = hex("01 62 00  01 61 c0 00  ff")
        #expect(decodeName(bytes, at: 3) == DNS.Name("a.b").map { .value($0, bytesConsumed: 7) })
        let twice = hex("01 63 00  01 62 c0 00  01 61 c0 03")
        #expect(
            decodeName(twice, at: 7) == DNS.Name("a.b.c").map { .value($0, bytesConsumed: 11) })
    }

    @Test(arguments: [
        ("to itself", hex("c0 00"), 0, DNS.Name.Fault.pointer),
        ("to its own row", hex("01 61 c0 00"), 0, .pointer),
        ("forward", hex("c0 02 01 61 00"), 0, .pointer),
        ("past the end", hex("ff ff"), 0, .pointer),
        ("to each other", hex("c0 02 c0 00"), 2, .pointer),
        ("back and into its own row", hex("01 62 c0 04 01 61 c0 00"), 4, .pointer),
        ("label type 01", hex("41 61 00"), 0, .labelType),
        ("label type 10", hex("81 61 00"), 0, .labelType),
    ])
    func `what may never end is refused`(
        name: String, bytes: [UInt8], position: Int, fault: DNS.Name.Fault
    ) {
        #expect(decodeName(bytes, at: position) == .fault(fault))
    }

    @Test func `pointers cannot build a name over 255 bytes`() {
        // Rows of 63 bytes, each ending with a pointer to the one before.
        var bytes: [UInt8] = [0]
        var previous = 0
        for _ in 0..<5 {
            let start = bytes.count
            bytes += [63] + [UInt8](repeating: 0x61, count: 63)
            bytes += [0xc0 | UInt8(previous >> 8), UInt8(previous & 255)]
            previous = start
        }
        #expect(decodeName(bytes, at: previous) == .fault(.tooLong))
    }

    @Test func `text shows what cannot be printed as numbers`() {
        guard case .value(let name, _) = decodeName(hex("04 61 2e 5c 00 01 ff 00")) else {
            Issue.record("not decoded")
            return
        }
        #expect(name.description == "a\\046\\092\\000.\\255")
        guard case .value(let root, 1) = decodeName([0]) else {
            Issue.record("not decoded")
            return
        }
        #expect(root.description == ".")
    }
}
