import KernelTesting
import LinuxIO
import Loop
import Metering
import Model
import Relay
import Testing

@Suite("The calls of a stream relay")
struct StreamRelayScriptTests {
    private let script = RelayScript()
    private var driver: ScriptedDriver { script.driver }

    @Test func `a request and its response cost two calls each, and an end without ceremony`()
        throws
    {
        let pair = try script.relay()
        script.expectCopy([1, 2, 3], from: pair.client, to: pair.upstream)
        script.report(pair.client, .readable)
        #expect(pair.figures == [3, 1, 0, 0])
        script.expectCopy([4, 5], from: pair.upstream, to: pair.client)
        script.report(pair.upstream, .readable)
        #expect(pair.figures == [3, 1, 2, 1])
        driver.expect(.receive(pair.client), .moved(0))
        driver.expect(.shutdownSending(pair.upstream))
        script.report(pair.client, [.readable, .peerEnded])
        // Both ways have ended: closing says so, no shutdown is needed.
        driver.expect(.receive(pair.upstream), .moved(0))
        script.expectClose(pair, resets: false)
        script.report(pair.upstream, [.readable, .peerEnded])
        #expect(pair.ends == [FlowEnd(by: .client, phase: .relay, cause: .finished)])
        #expect(pair.figures == [3, 1, 2, 1])
        #expect(script.loop.registrationCount == 0)
    }

    @Test func `a server that ends first leaves the client its say`() throws {
        let pair = try script.relay()
        driver.expect(.receive(pair.upstream), .bytes([9]))
        driver.expect(.send(pair.client, [9]), .moved(1))
        driver.expect(.receive(pair.upstream), .moved(0))
        driver.expect(.shutdownSending(pair.client))
        script.report(pair.upstream, [.readable, .peerEnded])
        script.expectCopy([1], from: pair.client, to: pair.upstream)
        script.report(pair.client, .readable)
        driver.expect(.receive(pair.client), .moved(0))
        script.expectClose(pair, resets: false)
        script.report(pair.client, [.readable, .peerEnded])
        #expect(pair.figures == [1, 1, 1, 1])
    }

    @Test func `bytes are counted when they were written, as many as were`() throws {
        let pair = try script.relay()
        let bytes: [UInt8] = [1, 2, 3, 4, 5, 6]
        driver.expect(.receive(pair.client), .bytes(bytes))
        driver.expect(.send(pair.upstream, bytes), .moved(2))
        script.report(pair.client, .readable)
        #expect(pair.figures == [2, 1, 0, 0])
        // While bytes wait for the upstream the client is not read.
        script.report(pair.client, .readable)
        driver.expect(.send(pair.upstream, [3, 4, 5, 6]), .moved(3))
        driver.expect(.send(pair.upstream, [6]), .wouldBlock)
        script.report(pair.upstream, .writable)
        #expect(pair.figures == [5, 2, 0, 0])
        // The other way is not held up.
        script.expectCopy([7], from: pair.upstream, to: pair.client)
        script.report(pair.upstream, .readable)
        driver.expect(.send(pair.upstream, [6]), .moved(1))
        driver.expect(.receive(pair.client), .wouldBlock)
        script.report(pair.upstream, .writable)
        #expect(pair.figures == [6, 3, 1, 1])
        script.expectClose(pair, resets: true)
        script.cut(pair)
    }

    @Test func `false alarms move nothing and count nothing`() throws {
        let pair = try script.relay()
        for _ in 0..<3 {
            driver.expect(.receive(pair.client), .wouldBlock)
            script.report(pair.client, .readable)
        }
        script.report(pair.client, .writable)
        driver.expect(.receive(pair.client), .bytes([1, 2]))
        driver.expect(.send(pair.upstream, [1, 2]), .wouldBlock)
        script.report(pair.client, .readable)
        for _ in 0..<3 {
            driver.expect(.send(pair.upstream, [1, 2]), .wouldBlock)
            script.report(pair.upstream, .writable)
        }
        #expect(pair.figures == [0, 0, 0, 0])
        driver.expect(.send(pair.upstream, [1, 2]), .moved(2))
        script.report(pair.upstream, .writable)
        #expect(pair.figures == [2, 1, 0, 0])
        script.expectClose(pair, resets: true)
        script.cut(pair)
        #expect(pair.ends == [FlowEnd(by: .gateway, phase: .relay, cause: .shutdown)])
    }

    @Test func `the end waits behind the bytes before it`() throws {
        let pair = try script.relay()
        driver.expect(.receive(pair.client), .bytes([1, 2]))
        driver.expect(.send(pair.upstream, [1, 2]), .moved(1))
        script.report(pair.client, [.readable, .peerEnded])
        driver.expect(.send(pair.upstream, [2]), .moved(1))
        driver.expect(.receive(pair.client), .moved(0))
        driver.expect(.shutdownSending(pair.upstream))
        script.report(pair.upstream, .writable)
        driver.expect(.receive(pair.upstream), .moved(0))
        script.expectClose(pair, resets: false)
        script.report(pair.upstream, [.readable, .peerEnded])
        #expect(pair.figures == [2, 2, 0, 0])
    }

    @Test func `bytes that came with the request go first`() throws {
        let pair = try script.relay(early: [7, 8, 9])
        #expect(driver.calls.isEmpty, "nobody said that the upstream has room")
        script.report(pair.client, [.readable, .writable])
        #expect(driver.calls.isEmpty, "nothing is read before they are gone")
        driver.expect(.send(pair.upstream, [7, 8, 9]), .moved(3))
        script.expectCopy([10], from: pair.client, to: pair.upstream)
        script.report(pair.upstream, .writable)
        #expect(pair.figures == [4, 2, 0, 0])
        script.expectClose(pair, resets: true)
        script.cut(pair)
    }

    @Test func `bytes that came behind a hop's answer go first to the client`() throws {
        let pair = try script.relay(answered: [7, 8])
        #expect(driver.calls.isEmpty, "nobody said that the client has room")
        script.report(pair.upstream, [.readable, .writable])
        #expect(driver.calls.isEmpty, "nothing is read before they are gone")
        driver.expect(.send(pair.client, [7, 8]), .moved(2))
        script.expectCopy([9], from: pair.upstream, to: pair.client)
        script.report(pair.client, .writable)
        #expect(pair.figures == [0, 0, 3, 2])
        script.expectClose(pair, resets: true)
        script.cut(pair)
    }

    @Test func `a relay that uses up its turn lets the others go first`() throws {
        let (one, two) = (try script.relay(), try script.relay())
        let full = Payload.bytes(Limits.scratchBytes, seed: 3)
        for pair in [one, two] {
            driver.report(pair.client, .readable)
            for read in 0..<Limits.transfersPerTurn {
                // Without a pipe it goes on copying.
                if read == Limits.bulkReads && pair === one {
                    driver.expect(.makePipe, .failed(24))
                }
                script.expectCopy(full, from: pair.client, to: pair.upstream)
            }
        }
        // In the same turn each goes on once, in their order, for a share of its own.
        for pair in [one, two] { script.expectCopy([1], from: pair.client, to: pair.upstream) }
        script.turn()
        let reads = UInt64(Limits.transfersPerTurn)
        for pair in [one, two] {
            #expect(pair.figures == [reads * UInt64(full.count) + 1, reads + 1, 0, 0])
            script.expectClose(pair, resets: true)
            script.cut(pair)
        }
        #expect(!script.loop.hasWork)
    }

    @Test func `an idle relay ends after its last byte's idle time, not its first`() throws {
        let pair = try script.relay(idleMilliseconds: 10_000)
        for _ in 0..<4 {
            driver.advance(milliseconds: 8000)
            script.expectCopy([1], from: pair.client, to: pair.upstream)
            script.report(pair.client, .readable)
        }
        driver.advance(milliseconds: 9900)
        script.turn()
        #expect(pair.ends.isEmpty)
        script.expectClose(pair, resets: true)
        driver.advance(milliseconds: 2700)
        script.turn()
        #expect(pair.ends == [FlowEnd(by: .gateway, phase: .relay, cause: .idle)])
    }

    @Test func `a relay without bound on idleness is never idle`() throws {
        let pair = try script.relay(idleMilliseconds: .max / 1_000_000)
        driver.advance(milliseconds: 400 * 86_400_000)
        script.turn()
        #expect(pair.ends.isEmpty)
        script.expectClose(pair, resets: true)
        script.cut(pair)
    }
}

@Suite("A stream relay when something fails")
struct StreamRelayFailureTests {
    private let script = RelayScript()
    private var driver: ScriptedDriver { script.driver }

    @Test(arguments: [(104, .reset), (110, .failed), (113, .failed)] as [(Int32, FlowEnd.Cause)])
    func `a read that fails ends both ways at once`(_ code: Int32, cause: FlowEnd.Cause) throws {
        for isClient in [true, false] {
            let pair = try script.relay()
            let side = isClient ? pair.client : pair.upstream
            driver.expect(.receive(side), .failed(code))
            script.expectClose(pair, resets: true)
            script.report(side, [.readable, .failed])
            #expect(
                pair.ends
                    == [FlowEnd(by: isClient ? .client : .upstream, phase: .relay, cause: cause)])
        }
    }

    @Test func `after a failed write the peer's last words are still delivered`() throws {
        let pair = try script.relay()
        driver.expect(.receive(pair.client), .bytes([1, 2]))
        driver.expect(.send(pair.upstream, [1, 2]), .failed(32))
        script.report(pair.client, .readable)
        #expect(pair.ends.isEmpty)
        #expect(pair.figures == [0, 0, 0, 0])
        // What the client says now is not read: nobody takes it.
        script.report(pair.client, .readable)
        script.expectCopy([3, 4, 5], from: pair.upstream, to: pair.client)
        script.report(pair.upstream, .readable)
        driver.expect(.receive(pair.upstream), .moved(0))
        script.expectClose(pair, resets: true)
        script.report(pair.upstream, [.readable, .peerEnded])
        #expect(pair.figures == [0, 0, 3, 1])
        #expect(pair.ends == [FlowEnd(by: .upstream, phase: .relay, cause: .reset)])
    }

    @Test func `a write that fails later costs what waited, and no more`() throws {
        let pair = try script.relay()
        driver.expect(.receive(pair.client), .bytes([1, 2, 3]))
        driver.expect(.send(pair.upstream, [1, 2, 3]), .moved(1))
        script.report(pair.client, .readable)
        driver.expect(.send(pair.upstream, [2, 3]), .failed(104))
        driver.expect(.receive(pair.upstream), .bytes([9]))
        driver.expect(.send(pair.client, [9]), .moved(1))
        driver.expect(.receive(pair.upstream), .failed(104))
        script.expectClose(pair, resets: true)
        script.report(pair.upstream, [.readable, .writable, .peerEnded, .failed])
        #expect(pair.figures == [1, 1, 1, 1])
        #expect(pair.ends == [FlowEnd(by: .upstream, phase: .relay, cause: .reset)])
    }

    @Test func `both writes fail`() throws {
        let pair = try script.relay()
        driver.expect(.receive(pair.client), .bytes([1]))
        driver.expect(.send(pair.upstream, [1]), .failed(32))
        script.report(pair.client, .readable)
        driver.expect(.receive(pair.upstream), .bytes([2]))
        driver.expect(.send(pair.client, [2]), .failed(32))
        script.expectClose(pair, resets: true)
        script.report(pair.upstream, .readable)
        #expect(pair.ends == [FlowEnd(by: .upstream, phase: .relay, cause: .reset)])
    }

    @Test(arguments: [true, false])
    func `a reset behind one side's end is a reset`(_ clientEndsFirst: Bool) throws {
        let pair = try script.relay()
        let (first, second) =
            clientEndsFirst ? (pair.client, pair.upstream) : (pair.upstream, pair.client)
        driver.expect(.receive(first), .moved(0))
        driver.expect(.shutdownSending(second))
        script.report(first, [.readable, .peerEnded])
        driver.expect(.receive(second), .failed(104))
        script.expectClose(pair, resets: true)
        script.report(second, [.readable, .failed])
        #expect(pair.ends.map(\.cause) == [.reset])
        #expect(pair.ends.map(\.by) == [clientEndsFirst ? .upstream : .client])
    }

    @Test func `events behind the end reach nobody`() throws {
        let pair = try script.relay()
        driver.report(pair.client, [.readable, .failed])
        driver.report(pair.upstream, [.readable, .writable])
        driver.expect(.receive(pair.client), .failed(104))
        script.expectClose(pair, resets: true)
        script.turn()
        #expect(script.loop.wakeReasons.staleEvents == 1)
        #expect(pair.ends.count == 1)
    }

    @Test func `a cut while bytes wait and a resumption is queued ends once`() throws {
        let pair = try script.relay()
        driver.expect(.receive(pair.client), .bytes([1, 2]))
        driver.expect(.send(pair.upstream, [1, 2]), .wouldBlock)
        script.report(pair.client, .readable)
        script.expectClose(pair, resets: true)
        script.cut(pair)
        script.cut(pair)
        driver.advance(milliseconds: 600_000)
        script.turn()
        #expect(pair.ends.count == 1)
        #expect(pair.figures == [0, 0, 0, 0], "what was never written is never counted")
    }
}
