import Bytes
import Testing

@Suite("Base 64, RFC 4648")
struct Base64Tests {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func `the vectors of §10, padded and not`(plain: String, padded: String) {
        let bytes = Array(plain.utf8)
        let bare = String(padded.prefix { $0 != "=" })
        #expect(Base64.encode(bytes) == bare)
        #expect(Base64.decode(bare) == bytes)
        #expect(Base64.decodeAnyVariant(bare) == bytes)
        #expect(Base64.decodeAnyVariant(padded) == bytes)
        #expect((Base64.decode(padded) == nil) == (padded != bare), "strict text has no padding")
    }

    @Test func `every byte comes back`() {
        for length in 0..<70 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ length) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
    }

    @Test func `the URL-safe alphabet is read where any variant is`() {
        #expect(Base64.decodeAnyVariant("-_-_") == [0xfb, 0xff, 0xbf])
        #expect(Base64.decodeAnyVariant("+/+/") == [0xfb, 0xff, 0xbf])
        #expect(Base64.decode("-_-_") == nil)
        #expect(Base64.decode("+/+/") == [0xfb, 0xff, 0xbf])
    }

    @Test(arguments: [
        "A", "AAAAA", "Zg=", "Zg===", "Z===", "====", "=", "Zm9v=", "Z g=", "Zé==", "Zg==\n",
    ])
    func `other text is none`(text: String) {
        #expect(Base64.decode(text) == nil)
        #expect(Base64.decodeAnyVariant(text) == nil)
    }

    @Test func `bits that are left over count where a value has one text`() {
        #expect(Base64.decode("Zh") == nil)
        #expect(Base64.decodeAnyVariant("Zh") == [0x66])
    }
}
