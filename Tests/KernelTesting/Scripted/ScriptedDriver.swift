import Chance
package import LinuxIO
package import Testing

/// A kernel that a test plays: it expects calls in order and gives the answers written for them.
///
/// A call that was not expected records an issue at the expectation that should have come, and is
/// answered with "nothing now" or a failure, so that the code under test comes to rest. Readiness
/// comes from `report`, time from `advance`; neither has to be scripted.
///
/// ## Concurrency
/// One thread: the test's.
package final class ScriptedDriver: IODriver {
    private struct Step {
        let call: ScriptedCall
        let answer: ScriptedAnswer
        let location: SourceLocation
    }

    private var steps: [Step] = []
    private var tokens: [Descriptor: UInt64] = [:]
    private var reports: [ReadyEvent] = []
    private var now: UInt64 = 1_000_000_000
    private var random = SplitMix64(seed: 1)
    private let flag = WakeFlag()
    private var log: [ScriptedCall] = []
    /// Milliseconds since 1970 that the driver tells.
    package var wallClockMilliseconds: Int64 = 1_767_225_600_000

    package init() {}

    // MARK: The test's side

    /// Expects a call after those expected so far, and answers it.
    package func expect(
        _ call: ScriptedCall, _ answer: ScriptedAnswer = .done,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        steps.append(Step(call: call, answer: answer, location: sourceLocation))
    }

    /// Records an issue for every call that was expected and has not come.
    package func verify(sourceLocation: SourceLocation = #_sourceLocation) {
        for step in steps {
            Issue.record(
                "\(step.call) was expected and did not come", sourceLocation: step.location)
        }
        steps.removeAll()
    }

    /// Reports readiness in the next `wait`. The descriptor must have been watched.
    package func report(
        _ descriptor: Descriptor, _ readiness: Readiness,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        guard let token = tokens[descriptor] else {
            Issue.record(
                "descriptor \(descriptor.number) is not watched", sourceLocation: sourceLocation)
            return
        }
        reports.append(ReadyEvent(token: token, readiness: readiness))
    }

    /// Moves the clock on.
    package func advance(milliseconds: UInt64) { now += milliseconds * 1_000_000 }

    /// Every call made so far, expected or not; `watch` and `wait` are left out.
    package var calls: [ScriptedCall] { log }

    /// Whether a descriptor is watched and not closed.
    package func isWatched(_ descriptor: Descriptor) -> Bool { tokens[descriptor] != nil }

    // MARK: Playing

    /// The answer to a call; nil, with an issue, when another call should have come.
    func answer(_ call: ScriptedCall) -> ScriptedAnswer? {
        log.append(call)
        guard let step = steps.first else {
            Issue.record("\(call) was called and nothing was expected")
            return nil
        }
        guard step.call == call else {
            Issue.record(
                "\(call) was called where \(step.call) was expected",
                sourceLocation: step.location)
            return nil
        }
        steps.removeFirst()
        return step.answer
    }

    /// Says that an answer does not fit its call.
    func misfit(_ call: ScriptedCall, _ answer: ScriptedAnswer) {
        Issue.record("\(call) cannot be answered with \(answer)")
    }

    func forget(_ descriptor: Descriptor) { tokens[descriptor] = nil }

    // MARK: Time, chance, readiness

    package func monotonicNanoseconds() -> UInt64 { now }
    package func wallMilliseconds() -> Int64 { wallClockMilliseconds }
    package func randomWord() -> UInt64 { random.next() }
    package var waker: any Waker { flag }

    /// Succeeds, unless the next expectation is to refuse it.
    package func watch(_ descriptor: Descriptor, token: UInt64) throws(Errno) {
        if let step = steps.first, step.call == .watch(descriptor) {
            steps.removeFirst()
            if case .failed(let code) = step.answer { throw Errno(code, in: "epoll_ctl") }
        }
        tokens[descriptor] = token
    }

    /// Gives what was reported, without sleeping.
    package func wait(
        into events: UnsafeMutableBufferPointer<ReadyEvent>, timeoutNanoseconds: UInt64?
    ) -> Int {
        flag.lower()
        let given = reports.prefix(events.count)
        for (index, event) in given.enumerated() { events[index] = event }
        reports.removeFirst(given.count)
        return given.count
    }
}
