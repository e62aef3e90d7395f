import Configuration
import Options
import Testing

@Suite("Configuration, hostile input")
struct HostileInputTests {
    /// A valid file with most of what there is.
    private static let valid: [UInt8] = {
        let file = GoldenFile.all.first { $0.testDescription == "socks5-complete" }
        let input = (try? file?.parts().input) ?? ""
        return Array(GoldenFile.files(in: input).main.utf8)
    }()

    @Test func `every prefix of a valid file loads or is refused with a place`() {
        #expect(Self.valid.count > 1000)
        for count in 0...Self.valid.count {
            let loaded = Configuration.load(bytes: Array(Self.valid[..<count]), file: "f")
            for finding in loaded.diagnostics where finding.severity == .error {
                #expect(finding.location != nil)
            }
        }
    }

    @Test(arguments: 0..<8)
    func `mutations of a valid file load or are refused`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let pieces = [
            ": ", "- ", "{", "}", "[", "]", "\n", "&a ", "*a", "<<: *a", "\t", "\"", "|", "!",
            "\u{0}", "? ",
        ]
        for _ in 0..<250 {
            var bytes = Self.valid
            for _ in 0..<Int.random(in: 1...8, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                case 2:
                    let piece = pieces[Int.random(in: 0..<pieces.count, using: &random)]
                    bytes.insert(contentsOf: piece.utf8, at: place)
                default:
                    let end = min(bytes.count, place + Int.random(in: 0..<64, using: &random))
                    bytes.insert(contentsOf: bytes[place..<end], at: place)
                }
            }
            let loaded = Configuration.load(bytes: bytes, file: "f")
            #expect(loaded.isRefused == loaded.renderedDiagnostics.contains("error: "))
            if !loaded.isRefused {
                let again = Configuration.load(bytes: Array(loaded.yaml.utf8), file: "g")
                #expect(!again.isRefused, "seed \(seed)")
                #expect(again.options.services.count == loaded.options.services.count)
            }
        }
    }

    @Test(arguments: 0..<4)
    func `mutations of command lines load or are refused`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let scalars = Array("socks5+tcp://u:p@[::1]:80-9/h:1,%zZ?a=b&#é".unicodeScalars)
        for _ in 0..<500 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...24, using: &random) {
                text.append(scalars[Int.random(in: 0..<scalars.count, using: &random)])
            }
            var request = ConfigurationRequest()
            request.services = [String(text), "tcp://" + String(text)]
            request.api = String(text)
            let loaded = Configuration.load(request, readingWith: noFiles)
            #expect(loaded.isRefused == loaded.renderedDiagnostics.contains("error: "))
        }
    }
}

/// A small generator whose sequence depends on nothing but the seed.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
