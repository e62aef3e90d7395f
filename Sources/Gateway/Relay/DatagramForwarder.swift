package import LinuxIO
import Loop
import Metering
package import Model

/// Forwards datagrams of many clients to a service's targets: a socket towards each client's
/// target, or a way through nodes, so that the target can tell clients apart.
///
/// A client keeps its target until it has been quiet for the idle time; of trains nothing is taken
/// apart on the way.
///
/// ## Concurrency
/// Confined to its loop; each loop has its own, on a shared address.
package final class DatagramForwarder: ReadinessHandler, TimerHandler, Resumable {
    private let context: DatagramContext
    private var policy: any DatagramPolicy
    private var nextTarget: (Endpoint) -> Destination
    private var idleNanoseconds: UInt64
    /// Where clients send to.
    package let listener: Endpoint
    private let descriptor: Descriptor
    private var registration = Registration.none
    private var isReadable = true
    private var sessions: [Endpoint: ForwardSession] = [:]
    private var latest: ForwardSession?
    private var timer = TimerToken.none
    private var isQueued = false
    private var isOver = false
    private var endedStrayPackets: UInt64 = 0
    /// Datagrams dropped because they belong to no flow.
    package var strayPackets: UInt64 {
        sessions.values.reduce(endedStrayPackets) { $0 + $1.strayPackets }
    }

    /// Binds the service's address. `nextTarget` chooses the target of a client's next session.
    package init(
        _ context: DatagramContext, policy: any DatagramPolicy, at endpoint: Endpoint,
        isShared: Bool, idleNanoseconds: UInt64, nextTarget: @escaping (Endpoint) -> Destination
    ) throws(Errno) {
        self.context = context
        self.policy = policy
        self.nextTarget = nextTarget
        self.idleNanoseconds = idleNanoseconds
        let driver = context.loop.driver
        descriptor = try driver.bindDatagrams(
            at: endpoint, options: DatagramOptions(isShared: isShared))
        do throws(Errno) {
            listener = try driver.localEndpoint(descriptor)
        } catch {
            driver.close(descriptor)
            throw error
        }
    }

    /// Begins to forward. A throw has closed the socket.
    package func start() throws(Errno) {
        do throws(Errno) {
            registration = try context.loop.register(descriptor, self, tag: 0)
        } catch {
            end(FlowEnd(by: .gateway, phase: .handshake, cause: .failed))
            throw error
        }
        armSweep()
    }

    /// Goes on at the same address in another manner. Sessions that are open keep their targets;
    /// the time after which they end is the new one.
    package func change(
        policy: any DatagramPolicy, idleNanoseconds: UInt64,
        nextTarget: @escaping (Endpoint) -> Destination
    ) {
        self.policy = policy
        self.nextTarget = nextTarget
        self.idleNanoseconds = idleNanoseconds
        context.loop.cancel(timer)
        armSweep()
    }

    /// How many clients have a session.
    package var sessionCount: Int { sessions.count }

    /// Ends every session and closes the socket. Once.
    package func end(_ end: FlowEnd) {
        guard !isOver else { return }
        isOver = true
        context.loop.cancel(timer)
        for session in Array(sessions.values) { remove(session, end) }
        context.loop.close(descriptor, registration)
    }

    // MARK: Events

    package func descriptorReady(_ readiness: Readiness, tag: UInt8) {
        if readiness.isDisjoint(with: [.readable, .failed]) { return }
        isReadable = true
        pump()
    }

    package func resume() {
        isQueued = false
        if !isOver { pump() }
    }

    package func timerFired(tag: UInt8) {
        let now = context.loop.nowNanoseconds
        let idle = FlowEnd(by: .gateway, phase: .relay, cause: .idle)
        for session in Array(sessions.values)
        where now - session.lastMoveNanoseconds >= idleNanoseconds {
            remove(session, idle)
        }
        armSweep()
    }

    private func armSweep() {
        timer = context.loop.arm(afterNanoseconds: max(idleNanoseconds / 4, 1_000_000), self)
    }

    private func pump() {
        for _ in 0..<Limits.transfersPerTurn {
            guard isReadable, !isOver else { return }
            receive()
        }
        if isReadable, !isQueued {
            isQueued = true
            context.loop.resumeLater(self)
        }
    }

    private func receive() {
        let count = context.receive(descriptor, &isReadable)
        for index in 0..<count {
            let message = context.inbox.messages[index]
            guard !message.isTruncated, let session = session(of: message) else {
                endedStrayPackets &+= 1
                continue
            }
            session.takeFromClient(message, at: context.inbox.bytes(index))
        }
        latest?.flushUplink()
    }

    private func session(of message: DatagramInbox.Message) -> ForwardSession? {
        if let latest, latest.client == message.source { return latest }
        // Another client's datagrams are still collected; they go out of another socket.
        latest?.flushUplink()
        latest = sessions[message.source] ?? make(message)
        return latest
    }

    private func make(_ message: DatagramInbox.Message) -> ForwardSession? {
        if sessions.count >= Limits.associationsPerLoop,
            let quietest = sessions.values.min(by: {
                $0.lastMoveNanoseconds < $1.lastMoveNanoseconds
            })
        {
            remove(quietest, FlowEnd(by: .gateway, phase: .relay, cause: .evicted))
        }
        let session = ForwardSession(
            context, policy: policy, client: message.source, local: message.local,
            listener: listener, replySocket: descriptor,
            destination: nextTarget(message.source),
            onCut: { [unowned self] session, end in remove(session, end) })
        sessions[message.source] = session
        session.begin()
        return session
    }

    private func remove(_ session: ForwardSession, _ end: FlowEnd) {
        if latest === session { latest = nil }
        sessions[session.client] = nil
        session.end(end)
        endedStrayPackets &+= session.strayPackets
    }
}
