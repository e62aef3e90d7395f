import LinuxIO
import Loop
import Model

/// The stream on which a node keeps an association for us (RFC 1928 §7): the association ends with
/// it. What the node says on it is read away.
///
/// ## Concurrency
/// Confined to its loop; its side keeps it alive.
final class NodeControl: ReadinessHandler {
    private let loop: EventLoop
    private let stream: StreamSocket.Detached
    private var isClosed = false
    // It closes its side before it goes.
    private unowned var owner: (any SideOwner)?

    /// Takes over a stream.
    init(_ loop: EventLoop, _ stream: StreamSocket.Detached) {
        self.loop = loop
        self.stream = stream
    }

    func start(for owner: any SideOwner) {
        self.owner = owner
        loop.rebind(stream.registration, to: self, tag: 0)
        if !stream.readiness.isDisjoint(with: [.readable, .peerEnded, .failed]) { readAway() }
    }

    func close() {
        if isClosed { return }
        isClosed = true
        loop.close(stream.descriptor, stream.registration)
    }

    func descriptorReady(_ readiness: Readiness, tag: UInt8) {
        if !readiness.isDisjoint(with: [.readable, .peerEnded, .failed]) { readAway() }
    }

    /// A node has nothing to say here; one that talks all the same is cut off.
    private func readAway() {
        for _ in 0..<Limits.transfersPerTurn {
            switch loop.driver.receive(stream.descriptor, into: loop.scratch) {
            case .bytes(0): return end(.controlClosed)
            case .bytes: continue
            case .wouldBlock: return
            case .failed(let error): return end(error.isReset ? .reset : .failed)
            }
        }
        end(.malformed)
    }

    private func end(_ cause: FlowEnd.Cause) {
        owner?.sideEnded(FlowEnd(by: .upstream, phase: .relay, cause: cause))
    }
}
