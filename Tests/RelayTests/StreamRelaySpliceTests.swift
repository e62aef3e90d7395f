import KernelTesting
import LinuxIO
import Loop
import Metering
import Model
import Relay
import Testing

@Suite("A stream relay that moves bulk")
struct StreamRelaySpliceTests {
    private let script = RelayScript()
    private var driver: ScriptedDriver { script.driver }
    private var pipe: Pipe { script.pipe }

    private func expectSpliceIn(_ pair: RelayScript.Pair, _ answer: ScriptedAnswer) {
        driver.expect(.splice(from: pair.client, to: pipe.writing), answer)
    }

    private func expectSpliceOut(_ pair: RelayScript.Pair, _ answer: ScriptedAnswer) {
        driver.expect(.splice(from: pipe.reading, to: pair.upstream), answer)
    }

    private func end(_ pair: RelayScript.Pair) {
        script.expectClose(pair, resets: true)
        script.cut(pair)
    }

    private func expectPipeClose() {
        driver.expect(.close(pipe.reading))
        driver.expect(.close(pipe.writing))
    }

    @Test func `after four large reads bytes go through a pipe, which is returned when drained`()
        throws
    {
        let pair = try script.relay()
        script.turnBulk(pair)
        let before = UInt64(4 * Limits.bulkReadBytes)
        driver.expect(.makePipe, .pipe(pipe))
        expectSpliceIn(pair, .moved(100_000))
        expectSpliceOut(pair, .moved(100_000))
        expectSpliceIn(pair, .wouldBlock)
        script.report(pair.client, .readable)
        #expect(pair.figures == [before + 100_000, 5, 0, 0])
        // The pipe is back: the next bulk needs no new one.
        expectSpliceIn(pair, .moved(5))
        expectSpliceOut(pair, .moved(5))
        expectSpliceIn(pair, .wouldBlock)
        script.report(pair.client, .readable)
        #expect(pair.figures == [before + 100_005, 6, 0, 0])
        end(pair)
        expectPipeClose()
        script.drain()
    }

    @Test func `one small read among large ones starts the count again`() throws {
        let pair = try script.relay()
        let large = Payload.bytes(Limits.bulkReadBytes, seed: 1)
        let small = Payload.bytes(Limits.bulkReadBytes - 1, seed: 1)
        for block in [large, large, large, small, large, large, large, large] {
            script.expectCopy(block, from: pair.client, to: pair.upstream)
            script.report(pair.client, .readable)
        }
        driver.expect(.makePipe, .pipe(pipe))
        expectSpliceIn(pair, .wouldBlock)
        script.report(pair.client, .readable)
        end(pair)
        expectPipeClose()
        script.drain()
    }

    @Test func `while the sink is full the pipe is kept and the source not read`() throws {
        let pair = try script.relay()
        script.turnBulk(pair)
        let before = UInt64(4 * Limits.bulkReadBytes)
        driver.expect(.makePipe, .pipe(pipe))
        expectSpliceIn(pair, .moved(60_000))
        expectSpliceOut(pair, .moved(20_000))
        expectSpliceOut(pair, .wouldBlock)
        script.report(pair.client, .readable)
        #expect(pair.figures == [before + 20_000, 5, 0, 0])
        script.report(pair.client, .readable)
        // Another direction that moves bulk meanwhile gets a pipe of its own.
        let other = try script.relay()
        script.turnBulk(other)
        let second = Pipe(reading: Descriptor(94), writing: Descriptor(95), capacity: 65_536)
        driver.expect(.makePipe, .pipe(second))
        driver.expect(.splice(from: other.client, to: second.writing), .wouldBlock)
        script.report(other.client, .readable)
        expectSpliceOut(pair, .moved(40_000))
        expectSpliceIn(pair, .wouldBlock)
        script.report(pair.upstream, .writable)
        #expect(pair.figures == [before + 60_000, 6, 0, 0])
        end(pair)
        end(other)
        driver.expect(.close(second.reading))
        driver.expect(.close(second.writing))
        expectPipeClose()
        script.drain()
    }

    @Test func `without a pipe it copies, asks no more for a while, and then again`() throws {
        let pair = try script.relay()
        script.turnBulk(pair)
        let block = Payload.bytes(Limits.bulkReadBytes, seed: 2)
        driver.expect(.makePipe, .failed(24))
        for _ in 0..<257 {
            script.expectCopy(block, from: pair.client, to: pair.upstream)
            script.report(pair.client, .readable)
        }
        driver.expect(.makePipe, .pipe(pipe))
        expectSpliceIn(pair, .wouldBlock)
        script.report(pair.client, .readable)
        end(pair)
        expectPipeClose()
        script.drain()
    }

    @Test func `all pipes are lent: one more direction copies`() throws {
        var pairs: [RelayScript.Pair] = []
        for number in 0..<Int32(Limits.pipesPerLoop) {
            let pair = try script.relay()
            script.turnBulk(pair)
            let lent = Pipe(
                reading: Descriptor(2000 + 2 * number), writing: Descriptor(2001 + 2 * number),
                capacity: 1 << 20)
            driver.expect(.makePipe, .pipe(lent))
            driver.expect(.splice(from: pair.client, to: lent.writing), .moved(10_000))
            driver.expect(.splice(from: lent.reading, to: pair.upstream), .wouldBlock)
            script.report(pair.client, .readable)
            pairs.append(pair)
        }
        let last = try script.relay()
        script.turnBulk(last)
        script.expectCopy([1, 2, 3], from: last.client, to: last.upstream)
        script.report(last.client, .readable)
        #expect(last.figures[0] == UInt64(4 * Limits.bulkReadBytes + 3))
        for (number, pair) in pairs.enumerated() {
            // Bytes that nobody will take go with their pipe.
            driver.expect(.close(Descriptor(Int32(2000 + 2 * number))))
            driver.expect(.close(Descriptor(Int32(2001 + 2 * number))))
            end(pair)
        }
        end(last)
        script.drain()
    }

    @Test func `at the source's end the pipe goes back, though the other way goes on`() throws {
        let pair = try script.relay()
        script.turnBulk(pair)
        driver.expect(.makePipe, .pipe(pipe))
        expectSpliceIn(pair, .moved(10))
        expectSpliceOut(pair, .moved(10))
        expectSpliceIn(pair, .moved(0))
        driver.expect(.shutdownSending(pair.upstream))
        script.report(pair.client, [.readable, .peerEnded])
        expectPipeClose()
        script.drain()
        script.expectCopy([1], from: pair.upstream, to: pair.client)
        script.report(pair.upstream, .readable)
        end(pair)
    }

    @Test func `when the sink is gone the pipe is closed with its bytes, at once`() throws {
        let pair = try script.relay()
        script.turnBulk(pair)
        let before = UInt64(4 * Limits.bulkReadBytes)
        driver.expect(.makePipe, .pipe(pipe))
        expectSpliceIn(pair, .moved(50_000))
        expectSpliceOut(pair, .moved(1000))
        expectSpliceOut(pair, .failed(32))
        expectPipeClose()
        script.report(pair.client, .readable)
        #expect(pair.figures == [before + 1000, 5, 0, 0], "lost bytes are not counted")
        #expect(pair.ends.isEmpty)
        script.expectCopy([1], from: pair.upstream, to: pair.client)
        script.report(pair.upstream, .readable)
        driver.expect(.receive(pair.upstream), .failed(104))
        script.expectClose(pair, resets: true)
        script.report(pair.upstream, [.readable, .failed])
        #expect(pair.ends == [FlowEnd(by: .upstream, phase: .relay, cause: .reset)])
        script.drain()
    }

    @Test func `a reset of the source in bulk ends the flow and returns the pipe`() throws {
        let pair = try script.relay()
        script.turnBulk(pair)
        driver.expect(.makePipe, .pipe(pipe))
        expectSpliceIn(pair, .moved(10))
        expectSpliceOut(pair, .moved(10))
        expectSpliceIn(pair, .failed(104))
        script.expectClose(pair, resets: true)
        script.report(pair.client, [.readable, .failed])
        #expect(pair.ends == [FlowEnd(by: .client, phase: .relay, cause: .reset)])
        expectPipeClose()
        script.drain()
    }

    @Test func `a busy splice yields after its share and goes on without an edge`() throws {
        let pair = try script.relay()
        script.turnBulk(pair)
        driver.expect(.makePipe, .pipe(pipe))
        for _ in 0..<(2 * Limits.transfersPerTurn) {
            expectSpliceIn(pair, .moved(300_000))
            expectSpliceOut(pair, .moved(300_000))
        }
        script.report(pair.client, .readable)
        #expect(script.loop.hasWork, "its third share waits for the next turn")
        expectSpliceIn(pair, .wouldBlock)
        script.turn()
        #expect(!script.loop.hasWork)
        end(pair)
        expectPipeClose()
        script.drain()
    }
}
