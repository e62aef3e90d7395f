import KernelTesting
import LinuxIO
import Testing

@testable import Loop

@Suite("The turn of an event loop", .timeLimit(.minutes(5)))
struct EventLoopTests {
    private let driver = ScriptedDriver()
    private let loop: EventLoop
    private let diary = Diary()
    private let one = Descriptor(7)
    private let two = Descriptor(8)

    init() { loop = EventLoop(index: 0, driver: driver) }

    /// Registers in a turn of the loop.
    private func register(_ descriptor: Descriptor, _ ear: Ear, tag: UInt8 = 0) -> Registration {
        var made = Registration.none
        loop.perform { loop in
            if let registration = try? loop.register(descriptor, ear, tag: tag) {
                made = registration
            }
        }
        #expect(made != .none)
        return made
    }

    private func execute(_ line: String) {
        let box = LoopConfined(diary)
        loop.execute { _ in box.value.write(line) }
    }

    @Test func `readiness, mail, tasks, unfinished flows and timers come in this order`() {
        let ear = Ear()
        let (loop, diary) = (loop, diary)
        ear.onReady = { _, _ in
            diary.write("ready")
            loop.resumeLater(ear)
        }
        ear.onResume = { diary.write("resumed") }
        ear.onTimer = { _ in diary.write("timer") }
        _ = register(one, ear)
        loop.perform { _ = $0.arm(afterNanoseconds: 1_000_000, ear) }
        driver.advance(milliseconds: 20)
        driver.report(one, .readable)
        let box = LoopConfined(diary)
        loop.spawn { _ in box.value.write("task") }
        execute("mail")
        loop.turn(mayWait: false)
        #expect(diary.take() == ["ready", "mail", "task", "resumed", "timer"])
        loop.turn(mayWait: false)
        #expect(diary.take().isEmpty)
    }

    @Test func `mail is done in the order in which it was sent`() {
        for number in 0..<100 { execute("\(number)") }
        #expect(loop.hasWork)
        loop.turn(mayWait: false)
        #expect(diary.take() == (0..<100).map(String.init))
        #expect(!loop.hasWork)
    }

    @Test func `mail sent from mail is done in the next turn`() {
        let box = LoopConfined(diary)
        loop.execute { loop in
            box.value.write("first")
            loop.execute { _ in box.value.write("second") }
        }
        loop.turn(mayWait: false)
        #expect(diary.take() == ["first"])
        #expect(loop.hasWork)
        loop.turn(mayWait: false)
        #expect(diary.take() == ["second"])
    }

    @Test func `a flow that wants to go on waits for the others' turn`() {
        let (loop, diary) = (loop, diary)
        let ears = (0..<3).map { _ in Ear() }
        for (number, ear) in ears.enumerated() {
            ear.onResume = {
                diary.write("\(number)")
                loop.resumeLater(ear)
            }
        }
        loop.perform { loop in for ear in ears { loop.resumeLater(ear) } }
        for _ in 0..<3 {
            #expect(diary.take() == ["0", "1", "2"])
            #expect(loop.hasWork)
            loop.turn(mayWait: false)
        }
    }

    @Test func `an event for a descriptor that the same turn closed is stale`() {
        let (loop, diary) = (loop, diary)
        let (closing, closed) = (Ear(), Ear())
        let registration = register(two, closed)
        closed.onReady = { _, _ in diary.write("heard") }
        let late = two
        closing.onReady = { _, _ in loop.close(late, registration) }
        _ = register(one, closing)
        driver.report(one, .readable)
        driver.report(two, .readable)
        driver.expect(.close(two))
        loop.turn(mayWait: false)
        driver.verify()
        #expect(diary.take().isEmpty)
        #expect(loop.wakeReasons.staleEvents == 1)
        #expect(loop.wakeReasons.events == 1)
        #expect(loop.registrationCount == 1)
    }

    @Test func `a late event does not reach the next owner of its slot`() {
        let (loop, diary) = (loop, diary)
        let (closing, closed, next) = (Ear(), Ear(), Ear())
        let old = register(two, closed)
        next.onReady = { _, _ in diary.write("next heard") }
        let late = two
        closing.onReady = { _, _ in
            loop.close(late, old)
            // The kernel gives the number out again at once.
            let fresh = try? loop.register(late, next, tag: 1)
            #expect(fresh?.index == old.index)
        }
        _ = register(one, closing)
        driver.report(one, .readable)
        driver.report(two, .readable)
        driver.expect(.close(two))
        loop.turn(mayWait: false)
        #expect(diary.take().isEmpty)
        #expect(loop.wakeReasons.staleEvents == 1)
        driver.report(two, .readable)
        loop.turn(mayWait: false)
        #expect(diary.take() == ["next heard"])
    }

    @Test func `a handler that closes itself lives to the end of the turn and no longer`() {
        let loop = loop
        weak var gone: Ear?
        do {
            let ear = Ear()
            gone = ear
            let registration = register(one, ear)
            let descriptor = one
            ear.onReady = { [unowned ear] _, _ in
                loop.close(descriptor, registration)
                ear.onResume()
            }
        }
        #expect(gone != nil, "the loop keeps it")
        driver.report(one, .readable)
        driver.expect(.close(one))
        loop.turn(mayWait: false)
        #expect(gone == nil)
    }

    @Test func `a descriptor that cannot be watched leaves nothing behind`() {
        driver.expect(.watch(one), .failed(28))
        let descriptor = one
        loop.perform { loop in
            #expect(throws: Errno(28, in: "epoll_ctl")) {
                _ = try loop.register(descriptor, Ear(), tag: 0)
            }
        }
        #expect(loop.registrationCount == 0)
        #expect(!driver.isWatched(one))
    }

    @Test func `rebinding hands later readiness to another handler`() {
        let diary = diary
        let (first, second) = (Ear(), Ear())
        first.onReady = { _, tag in diary.write("first \(tag)") }
        second.onReady = { _, tag in diary.write("second \(tag)") }
        let registration = register(one, first, tag: 1)
        driver.report(one, .readable)
        loop.turn(mayWait: false)
        loop.perform { $0.rebind(registration, to: second, tag: 2) }
        driver.report(one, .writable)
        loop.turn(mayWait: false)
        #expect(diary.take() == ["first 1", "second 2"])
    }

    @Test func `timers fire in order, and one armed while they fire waits for the next tick`() {
        let (loop, diary) = (loop, diary)
        let ear = Ear()
        ear.onTimer = { tag in
            diary.write("\(tag)")
            if tag == 1 { _ = loop.arm(atNanoseconds: 0, ear, tag: 9) }
        }
        loop.perform { loop in
            _ = loop.arm(afterNanoseconds: 30_000_000, ear, tag: 3)
            _ = loop.arm(afterNanoseconds: 10_000_000, ear, tag: 1)
            let cancelled = loop.arm(afterNanoseconds: 15_000_000, ear, tag: 4)
            _ = loop.arm(afterNanoseconds: 20_000_000, ear, tag: 2)
            loop.cancel(cancelled)
        }
        driver.advance(milliseconds: 40)
        loop.turn(mayWait: false)
        #expect(diary.take() == ["1", "2", "3"])
        loop.turn(mayWait: false)
        #expect(diary.take().isEmpty)
        driver.advance(milliseconds: 5)
        loop.turn(mayWait: false)
        #expect(diary.take() == ["9"])
        #expect(loop.nextDeadlineNanoseconds == nil)
        #expect(loop.wakeReasons.timers == 4)
    }

    @Test func `a deadline that does not fit the clock is never reached, not passed already`() {
        let ear = Ear()
        let diary = diary
        ear.onTimer = { _ in diary.write("fired") }
        loop.perform { _ = $0.arm(afterNanoseconds: .max, ear) }
        driver.advance(milliseconds: 1_000_000_000)
        loop.turn(mayWait: false)
        #expect(diary.take().isEmpty)
    }

    @Test func `handshake buffers are reused`() {
        loop.perform { loop in
            let block = loop.takeBlock()
            loop.giveBlock(block)
            let again = loop.takeBlock()
            #expect(again.baseAddress == block.baseAddress)
            loop.giveBlock(again)
        }
    }
}
