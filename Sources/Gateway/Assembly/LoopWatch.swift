import Inbound
import Loop
import Model
import PluginKit

/// Asks every loop for a sign of life, four times in an interval, and says so while all answer.
///
/// A round begins on the control loop, so that one is watched too. A loop that takes longer than
/// half the interval is reported, and there is no sign of life until a later round is answered in
/// time: whoever waits for signs within the interval then knows that something is stuck.
///
/// ## Concurrency
/// Confined to the control loop; the loops only pass the question on.
final class LoopWatch: TimerHandler {
    private let home: EventLoop
    private let loops: [EventLoop]
    private let journal: Journal
    private let onSign: () -> Void
    private let intervalNanoseconds: UInt64
    private var round: UInt64 = 0
    private var askedAtNanoseconds: UInt64 = 0
    private var silent: Set<Int> = []
    private var isReported = false

    /// A watch over loops; the first round begins at once. `onSign` is called on the control loop.
    init(
        home: EventLoop, loops: [EventLoop], intervalNanoseconds: UInt64, journal: Journal,
        onSign: @escaping () -> Void
    ) {
        self.home = home
        self.loops = loops
        self.intervalNanoseconds = max(intervalNanoseconds, 4)
        self.journal = journal
        self.onSign = onSign
        begin()
        arm()
    }

    private func arm() { _ = home.arm(afterNanoseconds: intervalNanoseconds / 4, self) }

    func timerFired(tag: UInt8) {
        if silent.isEmpty {
            begin()
        } else if !isReported, isLate {
            isReported = true
            journal(
                .error, "loops do not answer",
                [
                    (
                        "loops",
                        silent.sorted().map { String(loops[$0].index) }.joined(separator: ",")
                    ),
                    ("milliseconds", String(waitedNanoseconds / 1_000_000)),
                ])
        }
        arm()
    }

    private var waitedNanoseconds: UInt64 { home.nowNanoseconds - askedAtNanoseconds }
    private var isLate: Bool { waitedNanoseconds > intervalNanoseconds / 2 }

    private func begin() {
        round += 1
        askedAtNanoseconds = home.nowNanoseconds
        silent = Set(loops.indices)
        let (home, own, round) = (home, LoopConfined(self), round)
        for (index, loop) in loops.enumerated() {
            loop.execute { _ in home.execute { _ in own.value.answered(index, round) } }
        }
    }

    private func answered(_ index: Int, _ answeredRound: UInt64) {
        precondition(answeredRound == round, "a round begins when the one before is answered")
        silent.remove(index)
        guard silent.isEmpty else { return }
        if isReported {
            isReported = false
            journal(
                .warn, "all loops answer again",
                [("milliseconds", String(waitedNanoseconds / 1_000_000))])
        }
        if !isLate { onSign() }
    }
}
