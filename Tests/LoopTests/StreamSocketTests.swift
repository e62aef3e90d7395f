import KernelTesting
import LinuxIO
import Loop
import Model
import Testing

/// A stream on a scripted kernel, with what its task came to.
///
/// ## Concurrency
/// One thread: the test's.
private final class Bench {
    static let descriptor = Descriptor(7)
    static let peer = Endpoint(IPAddress(v4: 0xcb00_7109), 4000)

    let driver = ScriptedDriver()
    let loop: EventLoop
    let diary = Diary()
    private var made: StreamSocket?

    init() throws {
        loop = EventLoop(index: 0, driver: driver)
        loop.perform { loop in
            made = try? StreamSocket(Self.descriptor, peer: Self.peer, loop: loop)
        }
        _ = try stream
    }

    var stream: StreamSocket { get throws { try #require(made) } }

    /// Runs work on the stream; a fault it ends with is written down.
    func begin(_ work: @escaping (StreamSocket) async throws(StreamFault) -> Void) throws {
        let (stream, diary) = (try stream, diary)
        loop.begin {
            do throws(StreamFault) {
                try await work(stream)
                diary.write("done")
            } catch {
                diary.write("\(error)")
            }
        }
    }

    /// Fills until that many bytes are unread, and writes them down.
    func beginReading(_ count: Int) throws {
        let diary = diary
        try begin { stream throws(StreamFault) in
            while stream.unread.count < count { try await stream.fill() }
            diary.write(String(decoding: stream.unread, as: UTF8.self))
        }
    }

    func report(_ readiness: Readiness) {
        driver.report(Self.descriptor, readiness)
        loop.turn(mayWait: false)
        loop.turn(mayWait: false)
    }

    func turn() {
        loop.turn(mayWait: false)
        loop.turn(mayWait: false)
    }

    func close() throws {
        driver.expect(.close(Self.descriptor))
        let stream = try stream
        loop.perform { _ in stream.close() }
        driver.verify()
    }
}

@Suite("A stream while a handshake runs on it")
struct StreamSocketTests {
    private static let text = "one message"

    @Test(arguments: 0...11)
    func `a message is the same wherever it is cut`(_ cut: Int) throws {
        let bench = try Bench()
        let bytes = Array(Self.text.utf8)
        try bench.beginReading(bytes.count)
        for part in [bytes[..<cut], bytes[cut...]] where !part.isEmpty {
            bench.driver.expect(.receive(Bench.descriptor), .bytes(Array(part)))
            bench.report(.readable)
            bench.driver.verify()
        }
        #expect(bench.diary.take() == [Self.text, "done"])
        #expect(try bench.stream.receivedBytes == 11)
        try bench.close()
    }

    @Test func `readiness that proves false is waited for again`() throws {
        let bench = try Bench()
        try bench.beginReading(2)
        for _ in 0..<3 {
            bench.driver.expect(.receive(Bench.descriptor), .wouldBlock)
            bench.report(.readable)
        }
        bench.driver.expect(.receive(Bench.descriptor), .bytes([65, 66]))
        bench.report(.readable)
        bench.driver.verify()
        #expect(bench.diary.take() == ["AB", "done"])
        try bench.close()
    }

    @Test func `consumed bytes make room, the rest stays in front`() throws {
        let bench = try Bench()
        let diary = bench.diary
        try bench.begin { stream throws(StreamFault) in
            try await stream.fill()
            stream.consume(3)
            diary.write(String(decoding: stream.unread, as: UTF8.self))
            try await stream.fill()
            diary.write(String(decoding: stream.unread, as: UTF8.self))
            stream.consume(stream.unread.count)
            diary.write(String(decoding: stream.unread, as: UTF8.self))
        }
        bench.driver.expect(.receive(Bench.descriptor), .bytes(Array("abcde".utf8)))
        bench.report(.readable)
        bench.driver.expect(.receive(Bench.descriptor), .bytes(Array("fg".utf8)))
        bench.report(.readable)
        #expect(diary.take() == ["de", "defg", "", "done"])
        try bench.close()
    }

    @Test func `the end is told behind the last bytes, which stay readable`() throws {
        let bench = try Bench()
        let diary = bench.diary
        try bench.begin { stream throws(StreamFault) in
            try await stream.fill()
            do throws(StreamFault) {
                try await stream.fill()
            } catch {
                diary.write(String(decoding: stream.unread, as: UTF8.self))
                throw error
            }
        }
        // With the peer's end known a short read proves nothing: the end is read without an edge.
        bench.driver.expect(.receive(Bench.descriptor), .bytes(Array("bye".utf8)))
        bench.driver.expect(.receive(Bench.descriptor), .moved(0))
        bench.report([.readable, .peerEnded])
        bench.driver.verify()
        #expect(diary.take() == ["bye", "ended"])
        try bench.close()
    }

    @Test func `a reset is told with its code`() throws {
        let bench = try Bench()
        try bench.beginReading(1)
        bench.driver.expect(.receive(Bench.descriptor), .failed(104))
        bench.report([.readable, .failed])
        #expect(bench.diary.take() == ["failed(scripted: ECONNRESET)"])
        try bench.close()
    }

    @Test func `short writes and a full kernel lose and repeat nothing`() throws {
        let bench = try Bench()
        try bench.begin { stream throws(StreamFault) in
            try await stream.write([1, 2, 3, 4, 5, 6])
        }
        bench.turn()
        #expect(bench.driver.calls.isEmpty, "nothing is written before the stream is writable")
        bench.driver.expect(.send(Bench.descriptor, [1, 2, 3, 4, 5, 6]), .moved(2))
        bench.driver.expect(.send(Bench.descriptor, [3, 4, 5, 6]), .wouldBlock)
        bench.report(.writable)
        bench.driver.expect(.send(Bench.descriptor, [3, 4, 5, 6]), .wouldBlock)
        bench.report(.writable)
        bench.driver.expect(.send(Bench.descriptor, [3, 4, 5, 6]), .moved(3))
        bench.driver.expect(.send(Bench.descriptor, [6]), .moved(1))
        bench.report(.writable)
        bench.driver.verify()
        #expect(bench.diary.take() == ["done"])
        #expect(try bench.stream.sentBytes == 6)
        try bench.close()
    }

    @Test func `a write that fails says why`() throws {
        let bench = try Bench()
        try bench.begin { stream throws(StreamFault) in try await stream.write([1]) }
        bench.driver.expect(.send(Bench.descriptor, [1]), .failed(32))
        bench.report(.writable)
        #expect(bench.diary.take() == ["failed(scripted: EPIPE)"])
        try bench.close()
    }

    @Test func `bytes that drip do not move the deadline`() throws {
        let bench = try Bench()
        let stream = try bench.stream
        bench.loop.perform { loop in
            stream.setDeadline(nanoseconds: loop.nowNanoseconds + 1_000_000_000)
        }
        try bench.beginReading(100)
        for _ in 0..<9 {
            bench.driver.advance(milliseconds: 100)
            bench.driver.expect(.receive(Bench.descriptor), .bytes([120]))
            bench.report(.readable)
            #expect(bench.diary.take().isEmpty)
        }
        bench.driver.advance(milliseconds: 110)
        bench.turn()
        #expect(bench.diary.take() == ["timedOut"])
        bench.driver.verify()
        try bench.close()
    }

    @Test func `a deadline that was cleared or moved does not strike`() throws {
        let bench = try Bench()
        let stream = try bench.stream
        try bench.beginReading(1)
        bench.loop.perform { loop in
            stream.setDeadline(nanoseconds: loop.nowNanoseconds + 100_000_000)
            stream.setDeadline(nanoseconds: loop.nowNanoseconds + 1_000_000_000)
        }
        bench.driver.advance(milliseconds: 500)
        bench.turn()
        bench.loop.perform { _ in stream.clearDeadline() }
        bench.driver.advance(milliseconds: 5000)
        bench.turn()
        #expect(bench.diary.take().isEmpty)
        try bench.close()
        bench.turn()
        #expect(bench.diary.take() == ["cut"], "who waits is not left waiting by a close")
    }

    @Test(arguments: [true, false])
    func `a cut ends what waits now, and what would wait later`(_ waitsAlready: Bool) throws {
        let bench = try Bench()
        let stream = try bench.stream
        if waitsAlready { try bench.beginReading(1) }
        bench.loop.perform { _ in stream.cut() }
        if !waitsAlready { try bench.beginReading(1) }
        bench.turn()
        #expect(bench.diary.take() == ["cut"])
        try bench.close()
    }

    @Test func `a handed-over stream keeps its readiness and its bytes until they are read`() throws
    {
        let bench = try Bench()
        let stream = try bench.stream
        try bench.begin { stream throws(StreamFault) in try await stream.fill() }
        bench.driver.expect(.receive(Bench.descriptor), .bytes(Array("request body".utf8)))
        bench.report([.readable, .writable, .peerEnded])
        #expect(bench.diary.take() == ["done"])
        var body = ""
        var detached: StreamSocket.Detached?
        bench.loop.perform { _ in
            stream.consume(8)
            body = String(decoding: stream.unread, as: UTF8.self)
            detached = stream.detach()
            // What a task does by habit when it ends touches nothing of the new owner's.
            stream.close()
        }
        #expect(body == "body")
        let handed = try #require(detached)
        #expect(handed.descriptor == Bench.descriptor)
        // The short read did not prove that there is no more, since the peer had ended.
        #expect(handed.readiness == [.readable, .writable, .peerEnded])
        bench.driver.verify()
        #expect(bench.loop.registrationCount == 1)
        bench.driver.expect(.close(Bench.descriptor))
        bench.loop.perform { $0.close(handed.descriptor, handed.registration) }
        bench.driver.verify()
    }

    @Test func `a short read takes the readiness with it`() throws {
        let bench = try Bench()
        let stream = try bench.stream
        try bench.begin { stream throws(StreamFault) in try await stream.fill() }
        bench.driver.expect(.receive(Bench.descriptor), .bytes([1]))
        bench.report([.readable, .writable])
        var detached: StreamSocket.Detached?
        bench.loop.perform { _ in detached = stream.detach() }
        let handed = try #require(detached)
        #expect(handed.readiness == .writable)
        bench.driver.expect(.close(Bench.descriptor))
        bench.loop.perform { $0.close(handed.descriptor, handed.registration) }
    }

    @Test func `a reset comes before the close, and a second close does nothing`() throws {
        let bench = try Bench()
        let stream = try bench.stream
        bench.driver.expect(.shutdownSending(Bench.descriptor))
        bench.driver.expect(.resetOnClose(Bench.descriptor))
        bench.driver.expect(.close(Bench.descriptor))
        bench.loop.perform { _ in
            stream.shutdownSending()
            stream.reset()
            stream.close()
            stream.reset()
        }
        bench.driver.verify()
        #expect(bench.loop.registrationCount == 0)
    }
}
