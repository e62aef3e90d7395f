import KernelTesting
import LinuxIO
import Loop
import Model
import Testing

@Suite("A kernel played by a test")
struct ScriptedDriverTests {
    private let driver = ScriptedDriver()
    private let one = Descriptor(7)

    private func receive(_ descriptor: Descriptor) -> (Transfer, [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: 16)
        let result = bytes.withUnsafeMutableBytes { driver.receive(descriptor, into: $0) }
        guard case .bytes(let count) = result else { return (result, []) }
        return (result, Array(bytes.prefix(count)))
    }

    @Test func `calls are answered in order`() throws {
        let peer = Endpoint(.loopbackV4, 5000)
        driver.expect(.accept(one), .accepted(.exhausted(Errno(24, in: "accept"))))
        driver.expect(.accept(one), .accepted(.connection(Descriptor(8), peer: peer)))
        driver.expect(.receive(Descriptor(8)), .bytes([1, 2]))
        driver.expect(.receive(Descriptor(8)), .failed(104))
        driver.expect(.send(Descriptor(8), [3, 4]), .moved(1))
        driver.expect(.send(Descriptor(8), [4]), .wouldBlock)
        driver.expect(.close(Descriptor(8)))
        #expect(driver.accept(one) == .exhausted(Errno(24, in: "accept")))
        #expect(driver.accept(one) == .connection(Descriptor(8), peer: peer))
        #expect(receive(Descriptor(8)) == (.bytes(2), [1, 2]))
        #expect(receive(Descriptor(8)) == (.failed(Errno(104, in: "recv")), []))
        [UInt8]([3, 4]).withUnsafeBytes { bytes in
            #expect(driver.send(Descriptor(8), bytes) == .bytes(1))
            let rest = UnsafeRawBufferPointer(rebasing: bytes[1...])
            #expect(driver.send(Descriptor(8), rest) == .wouldBlock)
        }
        driver.close(Descriptor(8))
        driver.verify()
        #expect(driver.calls.count == 7)
    }

    @Test func `another call than the expected one fails the test in words`() {
        driver.expect(.receive(one), .wouldBlock)
        withKnownIssue {
            #expect(driver.accept(one) == .wouldBlock)
        } matching: { issue in
            issue.comments.contains {
                $0.rawValue == "accept(7) was called where receive(7) was expected"
            }
        }
        #expect(receive(one).0 == .wouldBlock)
        driver.verify()
    }

    @Test func `a call that did not come and one too many fail the test`() {
        driver.expect(.shutdownSending(one))
        withKnownIssue { driver.verify() }
        withKnownIssue { driver.shutdownSending(one) }
    }

    @Test func `readiness reaches a loop`() throws {
        let loop = EventLoop(index: 0, driver: driver)
        let listening = Endpoint(.loopbackV4, 1080)
        driver.expect(.listen(listening), .descriptor(one))
        loop.perform { loop in _ = try? EchoService(at: listening, isShared: false, loop: loop) }
        #expect(driver.isWatched(one))
        driver.expect(.accept(one), .accepted(.lost(Errno(103, in: "accept"))))
        driver.expect(.accept(one), .accepted(.exhausted(Errno(24, in: "accept"))))
        driver.report(one, .readable)
        loop.turn(mayWait: false)
        driver.verify()
        driver.expect(.accept(one), .wouldBlock)
        driver.advance(milliseconds: 200)
        loop.turn(mayWait: false)
        driver.verify()
    }

    @Test func `datagrams are compared with their addresses`() {
        let remote = Endpoint(IPAddress(v4: 0x0102_0304), 53)
        let outbox = DatagramOutbox()
        driver.expect(
            .sendDatagrams(one, [ScriptedDatagram(remote, local: .loopbackV4, [9, 8])]), .moved(1))
        driver.expect(
            .receiveDatagrams(one),
            .messages([ScriptedDatagram(remote, [1, 2, 3], segmentBytes: 2)]))
        [UInt8]([9, 8]).withUnsafeBytes { bytes in
            outbox.begin(to: remote, from: .loopbackV4)
            outbox.append(bytes)
            #expect(driver.sendDatagrams(one, outbox, from: 0) == .bytes(1))
        }
        let inbox = DatagramInbox(capacity: 2)
        #expect(driver.receiveDatagrams(one, into: inbox) == .bytes(1))
        #expect(inbox.messages[0].source == remote)
        #expect(inbox.messages[0].segmentBytes == 2)
        driver.verify()
    }
}
