import Model
import Testing

@Suite("Identifiers as text")
struct IdentifierTests {
    @Test("are as long as their bits, whatever the bits")
    func width() {
        #expect(FlowID(high: 0, low: 0).description == "00000000000000000000000000000000")
        #expect(FlowID(high: .max, low: 10).description == "ffffffffffffffff000000000000000a")
        #expect(BootID(bits: 0xabc).description == "0000000000000abc")
    }

    @Test("of a run are read back")
    func boot() {
        let boot = BootID(bits: 0xfedc_ba98_7654_3210)
        #expect(BootID(boot.description) == boot)
    }

    @Test(
        "of a run are nothing else",
        arguments: [
            "", "0", "fedcba987654321", "fedcba98765432100", "fedcba987654321g", "-edcba9876543210",
            "+edcba9876543210", "FEDCBA9876543210",
        ])
    func wrongBoot(_ text: String) {
        #expect(BootID(text) == nil)
    }

    @Test("of a session are UUIDs of version 4, whatever the random bits")
    func session() {
        let none = SessionID(random: 0, 0)
        let all = SessionID(random: .max, .max)
        #expect(none.description == "00000000-0000-4000-8000-000000000000")
        #expect(all.description == "ffffffff-ffff-4fff-bfff-ffffffffffff")
        #expect(SessionID(stored: 1, 2).description == "00000000-0000-0001-0000-000000000002")
    }
}
