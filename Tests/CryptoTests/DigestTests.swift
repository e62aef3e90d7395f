import Crypto
import Testing

@Suite("SHA-256 and HMAC-SHA-256")
struct DigestTests {
    @Test(arguments: [
        ("nothing", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "a million", String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ])
    func `SHA-256 is that of FIPS 180-4`(name: String, text: String, digest: String) throws {
        let bytes = Array(text.utf8)
        let own = try Digest256.sha256(of: bytes.span.bytes)
        #expect(own.description == digest)
        #expect(own.bytes.count == Digest256.byteCount)
    }

    /// Figures from Python's hmac.
    @Test(arguments: [
        (
            "RFC 2104's favourite", "key", "The quick brown fox jumps over the lazy dog",
            "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
        ),
        ("nothing", "", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
        (
            "a key longer than a block", String(repeating: "k", count: 131),
            String(repeating: "m", count: 1000),
            "972ee821dfca4404e932a80d22a4a87479ec37409895b84d7ffef9ae94c9ae7c"
        ),
    ])
    func `HMAC is that of RFC 2104`(name: String, key: String, text: String, digest: String)
        throws
    {
        let bytes = Array(text.utf8)
        let key = Array(key.utf8)
        let own = try Digest256.hmac(of: bytes.span.bytes, key: key.span.bytes)
        #expect(own.description == digest)
    }

    @Test func `an empty key is not the key of the call before`() throws {
        let (text, key, none) = ([UInt8(1)], [UInt8(2)], [UInt8]())
        let before = try Digest256.hmac(of: text.span.bytes, key: key.span.bytes)
        let after = try Digest256.hmac(of: text.span.bytes, key: none.span.bytes)
        #expect(before != after)
    }

    @Test func `a digest is made of 32 bytes and equal only where all are`() {
        let zeros = [UInt8](repeating: 0, count: 32)
        let digest = Digest256(zeros.span.bytes)
        for index in 0..<32 {
            var bytes = zeros
            bytes[index] = 1
            let other = Digest256(bytes.span.bytes)
            #expect(other != digest)
            #expect(other?.bytes == bytes)
        }
        let short = Array(zeros.dropLast())
        let refused = Digest256(short.span.bytes)
        #expect(digest != nil)
        #expect(refused == nil)
    }

    @Test func `a keyed digest depends on its key, its parts and where they are divided`() throws {
        let keyed = KeyedDigest(key: [UInt8](repeating: 0, count: 32))
        let digest = try keyed.digest(of: ["alice", "secret"])
        #expect(
            digest.description
                == "1b55a350bd61d4f5a111af2274681afcc4861062a6915509c8626a599898bebf")
        #expect(try keyed.digest(of: ["alice", "secret"]) == digest)
        #expect(try keyed.digest(of: ["alices", "ecret"]) != digest)
        #expect(try keyed.digest(of: ["alice", "secret", ""]) != digest)
        #expect(try KeyedDigest().digest(of: ["alice", "secret"]) != digest)
    }
}

@Suite("Secrets")
struct SecretTests {
    @Test(arguments: [
        ("both empty", "", "", true), ("equal", "secret", "secret", true),
        ("the last differs", "secret", "secreT", false), ("shorter", "secret", "secre", false),
        ("empty and not", "", "s", false),
    ])
    func `secrets are equal when all bytes are`(
        name: String, one: String, other: String, areEqual: Bool
    ) {
        let (one, other) = (Array(one.utf8), Array(other.utf8))
        let answer = areEqualSecrets(one.span.bytes, other.span.bytes)
        #expect(answer == areEqual)
    }

    @Test func `random bytes are as many as asked for and differ`() throws {
        #expect(try [UInt8].random(0) == [])
        let (one, other) = (try [UInt8].random(32), try [UInt8].random(32))
        #expect(one.count == 32)
        #expect(one != other)
    }
}
