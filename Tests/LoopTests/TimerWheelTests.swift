import Chance
import KernelTesting
import Testing

@testable import Loop

/// A timer of a test, told apart by its number.
private final class Alarm: TimerHandler {
    let number: Int
    init(_ number: Int) { self.number = number }
    func timerFired(tag: UInt8) {}
}

/// The wheel beside a plain list that says what it should do.
private struct WheelAndList {
    private static let tick: UInt64 = 1 << TimerWheel.tickShift

    private(set) var now: UInt64
    private var wheel: TimerWheel
    private var armed: [Int: (token: TimerToken, deadline: UInt64, dueTick: UInt64)] = [:]
    private var gone: [TimerToken] = []
    private var elapsedTick: UInt64
    private var nextNumber = 0

    init(now: UInt64) {
        self.now = now
        wheel = TimerWheel(nowNanoseconds: now)
        elapsedTick = now / Self.tick
    }

    var count: Int { armed.count }
    var wheelCount: Int { wheel.count }
    var next: UInt64? { wheel.nextNanoseconds }

    mutating func arm(afterNanoseconds delay: UInt64) {
        let (sum, overflow) = now.addingReportingOverflow(delay)
        let deadline = overflow ? UInt64.max : sum
        let rounded = deadline / Self.tick + (deadline % Self.tick == 0 ? 0 : 1)
        let token = wheel.arm(
            atNanoseconds: deadline, Alarm(nextNumber), tag: UInt8(truncatingIfNeeded: nextNumber))
        armed[nextNumber] = (token, deadline, max(rounded, elapsedTick + 1))
        nextNumber += 1
    }

    mutating func cancel(_ random: inout SplitMix64) {
        if random.happens(0.2), let token = gone.randomElement(using: &random) {
            wheel.cancel(token)
        } else if let number = armed.keys.sorted().randomElement(using: &random),
            let entry = armed.removeValue(forKey: number)
        {
            wheel.cancel(entry.token)
            gone.append(entry.token)
        }
    }

    /// Moves time on and takes what fires; what is wrong with it, or nil.
    mutating func advance(to moment: UInt64) -> String? {
        now = max(now, moment)
        let tick = now / Self.tick
        while let (handler, tag) = wheel.popDue(nowNanoseconds: now) {
            guard let alarm = handler as? Alarm,
                let entry = armed.removeValue(forKey: alarm.number)
            else { return "something fired that was not armed" }
            gone.append(entry.token)
            if UInt8(truncatingIfNeeded: alarm.number) != tag { return "the tag is another's" }
            if entry.deadline > now {
                return "timer \(alarm.number) fired \(entry.deadline - now) ns early"
            }
        }
        elapsedTick = max(elapsedTick, tick)
        if let late = armed.values.map({ $0.dueTick }).filter({ $0 <= tick }).min() {
            return "a timer of tick \(late) did not fire at tick \(tick)"
        }
        return nextIsWrong()
    }

    private func nextIsWrong() -> String? {
        guard let first = armed.values.map({ $0.dueTick }).min() else {
            return wheel.nextNanoseconds == nil ? nil : "an empty wheel wants to turn"
        }
        guard let next = wheel.nextNanoseconds else { return "an armed wheel rests for ever" }
        if next / Self.tick > first { return "the wheel would sleep past a deadline" }
        return next > now ? nil : "the wheel wants to turn at once and nothing is due"
    }
}

@Suite("The timing wheel", .timeLimit(.minutes(5)))
struct TimerWheelTests {
    private static let tick: UInt64 = 1 << TimerWheel.tickShift

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `over a random history it does what a sorted list would do`(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var both = WheelAndList(now: random.next() >> UInt64.random(in: 4...40, using: &random))
        // Seeds differ in how far deadlines lie: up to years, over all levels and beyond.
        let magnitude = UInt64.random(in: 23...61, using: &random)
        for step in 0..<3000 {
            var wrong: String?
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let delay =
                    random.next() >> UInt64.random(in: (64 - magnitude)...63, using: &random)
                both.arm(afterNanoseconds: delay)
            case 5..<7:
                both.cancel(&random)
            case 7:
                let jump = random.next() >> UInt64.random(in: (66 - magnitude)...63, using: &random)
                wrong = both.advance(to: both.now + jump)
            default:
                wrong = both.advance(to: both.next ?? both.now)
            }
            if let wrong {
                Issue.record("seed \(seed), step \(step): \(wrong)")
                return
            }
            #expect(both.count == both.wheelCount)
        }
    }

    @Test func `two timers of one coarse slot fire each in its own tick`() {
        // The later one is met first when their slot is reached.
        for distance in [64, 4096, 262_144, 16_777_216] as [UInt64] {
            var both = WheelAndList(now: 0)
            both.arm(afterNanoseconds: (distance + 3) * Self.tick)
            both.arm(afterNanoseconds: (distance + distance / 2) * Self.tick)
            for _ in 0..<64 {
                guard let next = both.next else { break }
                #expect(both.advance(to: next) == nil, "\(distance) ticks")
            }
            #expect(both.count == 0)
        }
    }

    /// The wheel's levels span 2^58 ns.
    private static let far: [UInt64] = [
        1 << 57, (1 << 58) - 1, 1 << 58, (1 << 58) + 5, 1 << 62, 1 << 63, .max,
    ]

    @Test(arguments: far)
    func `a deadline beyond the last level is kept`(_ delay: UInt64) {
        var both = WheelAndList(now: 77 * Self.tick)
        both.arm(afterNanoseconds: delay)
        both.arm(afterNanoseconds: Self.tick)
        #expect(both.advance(to: both.now + Self.tick * 2) == nil)
        #expect(both.count == 1)
        #expect(both.advance(to: both.now + 1 << 40) == nil)
        #expect(both.count == 1)
    }

    @Test func `what is due already fires with the next tick`() {
        var both = WheelAndList(now: 1 << 40)
        both.arm(afterNanoseconds: 0)
        #expect(both.advance(to: both.now) == nil)
        #expect(both.count == 1)
        #expect(both.advance(to: both.now + Self.tick) == nil)
        #expect(both.count == 0)
    }

    @Test func `a handle outlives its timer without touching the next one of its slot`() {
        var wheel = TimerWheel(nowNanoseconds: 0)
        let first = wheel.arm(atNanoseconds: Self.tick, Alarm(1), tag: 1)
        wheel.cancel(first)
        let second = wheel.arm(atNanoseconds: Self.tick, Alarm(2), tag: 2)
        wheel.cancel(first)
        wheel.cancel(.none)
        #expect(wheel.count == 1)
        #expect(wheel.popDue(nowNanoseconds: Self.tick)?.1 == 2)
        wheel.cancel(second)
        #expect(wheel.count == 0)
        #expect(wheel.nextNanoseconds == nil)
    }

    @Test func `an idle wheel sleeps a few times on the way to a far deadline, not every tick`() {
        var both = WheelAndList(now: 0)
        both.arm(afterNanoseconds: 86_400_000_000_000)
        var turns = 0
        while let next = both.next {
            #expect(both.advance(to: next) == nil)
            turns += 1
        }
        #expect(turns <= 6)
    }
}
