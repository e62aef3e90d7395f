import LinuxIO
import Testing

@testable import Loop

private final class Listener: ReadinessHandler {
    func descriptorReady(_ readiness: Readiness, tag: UInt8) {}
}

@Suite("Registered handlers by index and generation")
struct SlotTableTests {
    private let one = Listener()
    private let two = Listener()

    @Test func `a registration finds its handler under its tag`() {
        var table = SlotTable()
        let first = table.insert(one, tag: 3)
        let second = table.insert(two, tag: 4)
        #expect(table.handler(for: first).map { $0.0 === one && $0.1 == 3 } == true)
        #expect(table.handler(for: second).map { $0.0 === two && $0.1 == 4 } == true)
        #expect(table.count == 2)
    }

    @Test func `the event of a released registration finds nobody, also when its slot is reused`() {
        var table = SlotTable()
        let stale = table.insert(one, tag: 1)
        table.remove(stale)
        #expect(table.handler(for: stale) == nil)
        let fresh = table.insert(two, tag: 2)
        #expect(fresh.index == stale.index)
        #expect(table.handler(for: stale) == nil)
        #expect(table.handler(for: Registration(token: stale.token)) == nil)
        #expect(table.handler(for: Registration(token: fresh.token))?.1 == 2)
    }

    @Test func `a token carries index and generation`() {
        let registration = Registration(index: 0x1234_5678, generation: 0x9abc_def0)
        #expect(registration.token == 0x9abc_def0_1234_5678)
        #expect(Registration(token: registration.token) == registration)
    }

    @Test func `tokens that nobody got find nobody`() {
        var table = SlotTable()
        _ = table.insert(one, tag: 0)
        #expect(table.handler(for: Registration(token: .max)) == nil)
        #expect(table.handler(for: Registration(token: 0)) == nil)
        #expect(table.handler(for: .none) == nil)
    }

    @Test func `rebinding changes handler and tag and keeps the registration`() {
        var table = SlotTable()
        let registration = table.insert(one, tag: 1)
        table.rebind(registration, to: two, tag: 9)
        #expect(table.handler(for: registration).map { $0.0 === two && $0.1 == 9 } == true)
        #expect(table.count == 1)
    }

    @Test func `releasing twice is a bug and stops the process`() async {
        await #expect(processExitsWith: .failure) {
            var table = SlotTable()
            let registration = table.insert(Listener(), tag: 0)
            table.remove(registration)
            table.remove(registration)
        }
    }

    @Test func `rebinding what was released is a bug and stops the process`() async {
        await #expect(processExitsWith: .failure) {
            var table = SlotTable()
            let registration = table.insert(Listener(), tag: 0)
            table.remove(registration)
            _ = table.insert(Listener(), tag: 0)
            table.rebind(registration, to: Listener(), tag: 0)
        }
    }
}
