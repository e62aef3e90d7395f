import LinuxIO

/// One life of the gateway's process: it may be set to die at a certain system call, and from then
/// on none of its calls does anything.
///
/// ## Concurrency
/// One thread: the test's.
final class Life {
    private(set) var isOver = false
    /// Calls that are still made; nil is no end.
    var callsLeft: Int?
    /// Calls that move bytes out and are still made; nil is no end.
    var sendsLeft: Int?
    /// Called in the moment of death, after the last call has had its effect and before the gateway
    /// hears of it.
    var onDeath: () -> Void = {}

    /// A call has had its effect.
    func callMade(isSend: Bool = false) {
        callsLeft = callsLeft.map { $0 - 1 }
        if isSend { sendsLeft = sendsLeft.map { $0 - 1 } }
        if callsLeft == 0 || sendsLeft == 0 { end() }
    }

    /// Dies now.
    func end() {
        guard !isOver else { return }
        isOver = true
        onDeath()
    }
}
