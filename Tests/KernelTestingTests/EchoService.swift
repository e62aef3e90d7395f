import LinuxIO
import Loop
import Model

/// A service that sends back what it receives: the smallest thing that keeps the loop's rules.
///
/// ## Concurrency
/// Confined to its loop.
final class EchoService: ReadinessHandler, TimerHandler {
    private let loop: EventLoop
    private let listener: Descriptor
    private var registration = Registration.none
    private var rest = TimerToken.none

    init(at endpoint: Endpoint, isShared: Bool, loop: EventLoop) throws(Errno) {
        self.loop = loop
        listener = try loop.driver.listen(at: endpoint, options: ListenOptions(isShared: isShared))
        registration = try loop.register(listener, self, tag: 0)
    }

    func descriptorReady(_ readiness: Readiness, tag: UInt8) { acceptAll() }
    func timerFired(tag: UInt8) { acceptAll() }

    private func acceptAll() {
        while true {
            switch loop.driver.accept(listener) {
            case .connection(let descriptor, let peer):
                loop.spawn { loop in await Self.serve(descriptor, peer, loop) }
            case .wouldBlock:
                return
            case .lost:
                continue
            case .exhausted:
                loop.cancel(rest)
                rest = loop.arm(afterNanoseconds: 100_000_000, self)
                return
            }
        }
    }

    private static func serve(_ descriptor: Descriptor, _ peer: Endpoint, _ loop: EventLoop) async {
        guard let stream = try? StreamSocket(descriptor, peer: peer, loop: loop) else { return }
        do throws(StreamFault) {
            while true {
                try await stream.fill()
                let bytes = Array(stream.unread)
                stream.consume(bytes.count)
                try await stream.write(bytes)
            }
        } catch {
            stream.close()
        }
    }

    func close() {
        loop.cancel(rest)
        loop.close(listener, registration)
    }
}
