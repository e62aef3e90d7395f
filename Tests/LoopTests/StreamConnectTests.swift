import KernelTesting
import LinuxIO
import Loop
import Model
import Testing

@Suite("Connecting a stream", .timeLimit(.minutes(5)))
struct StreamConnectTests {
    private let simulation = Simulation(seed: 11)
    private let diary = Diary()
    private let target = Endpoint(IPAddress(v4: 0xc000_0207), 80)

    /// Connects within five seconds and writes down what came of it.
    private func connect(cutAfterMilliseconds: UInt64? = nil) {
        let (diary, target) = (diary, target)
        simulation.onLoop { loop in
            loop.start {
                do throws(StreamFault) {
                    let stream = try await StreamSocket.connect(
                        to: target, loop: loop,
                        deadlineNanoseconds: loop.nowNanoseconds + 5_000_000_000,
                        onStart: { stream in
                            diary.write("started")
                            guard let delay = cutAfterMilliseconds else { return }
                            loop.start {
                                await loop.sleep(nanoseconds: delay * 1_000_000)
                                stream.cut()
                            }
                        })
                    diary.write("connected to \(stream.peer)")
                    stream.close()
                } catch {
                    diary.write("\(error)")
                }
            }
        }
        simulation.run(milliseconds: 200_000)
        #expect(simulation.kernel.openDescriptorCount == 0)
        #expect(simulation.loops[0].registrationCount == 0)
    }

    @Test func `somebody listens`() throws {
        let listener = try simulation.peer("192.0.2.7").listen(port: 80)
        connect()
        #expect(diary.take() == ["started", "connected to 192.0.2.7:80"])
        #expect(listener.connections.count == 1)
    }

    @Test func `nobody listens`() {
        connect()
        #expect(diary.take() == ["started", "failed(connect: ECONNREFUSED)"])
    }

    @Test func `there is no route, so nothing starts`() {
        simulation.kernel.routes[target.address] = .missing
        connect()
        #expect(diary.take() == ["failed(connect: ENETUNREACH)"])
    }

    @Test func `the host is unreachable`() {
        simulation.kernel.routes[target.address] = .unreachable
        connect()
        #expect(diary.take() == ["started", "failed(connect: EHOSTUNREACH)"])
    }

    @Test func `nobody answers before the deadline`() {
        simulation.kernel.routes[target.address] = .silent
        let start = simulation.kernel.nowNanoseconds
        connect()
        #expect(diary.take() == ["started", "timedOut"])
        #expect(simulation.kernel.nowNanoseconds >= start + 5_000_000_000)
    }

    @Test func `the one who waits goes away`() {
        simulation.kernel.routes[target.address] = .silent
        connect(cutAfterMilliseconds: 100)
        #expect(diary.take() == ["started", "cut"])
    }

    @Test func `descriptors are exhausted`() {
        simulation.kernel.descriptorLimit = 0
        connect()
        #expect(diary.take() == ["failed(socket: EMFILE)"])
    }

    @Test func `the descriptor cannot be watched, and is closed`() {
        simulation.kernel.faults.watchFailures = 1
        connect()
        #expect(diary.take() == ["failed(epoll_ctl: ENOSPC)"])
    }
}
