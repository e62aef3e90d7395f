import Crypto
import Testing

@Suite("Password strings, scrypt (RFC 7914)")
struct PasswordHashTests {
    @Test(arguments: [
        (
            "nothing at all", "", "", 4, 1, 1,
            """
            77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442\
            fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906
            """
        ),
        (
            "NaCl", "password", "NaCl", 10, 8, 16,
            """
            fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162\
            2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640
            """
        ),
        (
            "SodiumChloride", "pleaseletmein", "SodiumChloride", 14, 8, 1,
            """
            7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2\
            d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887
            """
        ),
    ])
    func `keys are those of RFC 7914 §12`(
        name: String, password: String, salt: String, logarithm: Int, blockSize: Int,
        parallelism: Int, key: String
    ) throws {
        let cost = try #require(
            PasswordHash.Cost(
                logarithm: logarithm, blockSize: blockSize, parallelism: parallelism))
        let own = try PasswordHash.scrypt(
            Array(password.utf8), salt: Array(salt.utf8), cost: cost, byteCount: 64)
        #expect(own.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == key)
    }

    /// Made with Python's hashlib.scrypt.
    static let strings: [(String, String)] = [
        (
            "secret",
            "$scrypt$ln=15,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$"
                + "MFY6ooDb6ETskQpjW4AUE61ubVxCMh3tMo6UclCehf0"
        ),
        (
            "pässwörd",
            "$scrypt$ln=10,r=8,p=2$AAECAwQFBgcICQoLDA0ODw$"
                + "TkT56NiPmTdUAf+uNExI5vcKrgkon8n1xe63htB5qWo"
        ),
        (
            "",
            "$scrypt$ln=4,r=1,p=1$MTIzNDU2Nzg$"
                + "eXUbzuXSKrYboQ3lHPzQqicfci2Nr5PtYwHvCL7I2uZrKryYXwnMt4x9z4O35"
                + "++GGYutj3Pzo82fm3eVIln+Tw"
        ),
        (
            String(repeating: "x", count: 200),
            "$scrypt$ln=4,r=8,p=1$" + String(repeating: "/", count: 85) + "w"
                + "$Y/rdnhWmKAcoKgdEEkdq5A"
        ),
    ]

    @Test(arguments: strings)
    func `a string made elsewhere verifies its password and no other`(
        password: String, text: String
    ) throws {
        let hash = try PasswordHash(parsing: text)
        #expect(try hash.verify(password))
        #expect(try !hash.verify(password + " "))
        #expect(try !hash.verify("Secret"))
        #expect(hash.description == text)
        #expect(PasswordHash.isClaimed(by: text))
    }

    @Test func `a new hash verifies its password and no two are alike`() throws {
        let cost = try #require(PasswordHash.Cost(logarithm: 4, blockSize: 8, parallelism: 1))
        let hash = try PasswordHash(of: "secret", cost: cost)
        #expect(try hash.verify("secret"))
        #expect(try !hash.verify("secreT"))
        #expect(try PasswordHash(of: "secret", cost: cost) != hash)
        let again = try PasswordHash(parsing: hash.description)
        #expect(again == hash)
        #expect(hash.description.hasPrefix("$scrypt$ln=4,r=8,p=1$"))
        #expect(PasswordHash.Cost.recommended.logarithm == 15)
    }

    static let salt = "c2FsdHNhbHRzYWx0c2FsdA"
    static let hash = "MFY6ooDb6ETskQpjW4AUE61ubVxCMh3tMo6UclCehf0"

    @Test(arguments: [
        ("a plain password", "secret", PasswordHash.Fault.scheme),
        ("another scheme", "$argon2id$v=19$x$y", .scheme),
        ("three parts", "$scrypt$ln=15,r=8,p=1$\(salt)", .parts),
        ("five parts", "$scrypt$ln=15,r=8,p=1$\(salt)$\(hash)$", .parts),
        ("no p", "$scrypt$ln=15,r=8$\(salt)$\(hash)", .cost),
        ("another order", "$scrypt$r=8,ln=15,p=1$\(salt)$\(hash)", .cost),
        ("a sign", "$scrypt$ln=+5,r=8,p=1$\(salt)$\(hash)", .cost),
        ("zero", "$scrypt$ln=0,r=8,p=1$\(salt)$\(hash)", .cost),
        ("256 MiB", "$scrypt$ln=18,r=8,p=1$\(salt)$\(hash)", .costTooHigh),
        ("a minute of work", "$scrypt$ln=17,r=8,p=64$\(salt)$\(hash)", .costTooHigh),
        ("absurd", "$scrypt$ln=9999,r=9999,p=9999$\(salt)$\(hash)", .costTooHigh),
        ("a short salt", "$scrypt$ln=15,r=8,p=1$c2FsdA$\(hash)", .salt),
        ("a padded salt", "$scrypt$ln=15,r=8,p=1$\(salt)==$\(hash)", .salt),
        ("no base 64", "$scrypt$ln=15,r=8,p=1$\(salt)$*\(hash)", .hash),
        ("left-over bits", "$scrypt$ln=15,r=8,p=1$\(salt)$\(hash.dropLast())1", .hash),
        ("a short hash", "$scrypt$ln=15,r=8,p=1$\(salt)$\(salt.dropLast(2))", .hash),
    ])
    func `a wrong string is told by its part`(
        name: String, text: String, fault: PasswordHash.Fault
    ) {
        #expect(throws: fault) { try PasswordHash(parsing: text) }
    }

    @Test(arguments: [
        ("the recommended", 15, 8, 1, true), ("128 MiB", 17, 8, 1, true),
        ("over 128 MiB", 17, 9, 1, false), ("most work", 15, 8, 8, true),
        ("too much work", 15, 8, 9, false), ("nothing", 0, 1, 1, false),
        ("a negative", 15, -8, -1, false),
    ])
    func `a cost is bounded`(
        name: String, logarithm: Int, blockSize: Int, parallelism: Int, isAllowed: Bool
    ) {
        let cost = PasswordHash.Cost(
            logarithm: logarithm, blockSize: blockSize, parallelism: parallelism)
        #expect((cost != nil) == isAllowed)
    }
}
