import Glibc
import LinuxIO
import Testing

@Suite("News for the service manager, sd_notify(3)")
struct ServiceManagerTests {
    @Test func `news are assignments, one in a line`() {
        #expect(ServiceManager.text(.ready("a\nREADY=0\r\nb")) == "READY=1\nSTATUS=a READY=0 b")
        #expect(ServiceManager.text(.alive) == "WATCHDOG=1")
        #expect(ServiceManager.text(.status("x")) == "STATUS=x")
        #expect(
            ServiceManager.text(.reloading(atNanoseconds: 1_234_567))
                == "RELOADING=1\nMONOTONIC_USEC=1234\nSTATUS=reading the configuration")
        #expect(
            ServiceManager.text(.stopping(withinNanoseconds: 2_000_000, "y"))
                == "STOPPING=1\nEXTEND_TIMEOUT_USEC=2000\nSTATUS=y")
    }

    @Test(arguments: ["", "/", "@", "relative", "vsock:2:1234"])
    func `what is no socket's name is nobody`(_ name: String) {
        #expect(ServiceManager(socket: name) == nil)
    }

    @Test func `a path and an abstract name are reached`() throws {
        let directory = try TemporaryDirectory()
        let abstract = "@weir-test-\(getpid())"
        for name in [directory.file("notify"), abstract] {
            let inbox = try UnixInbox(name)
            let manager = try #require(ServiceManager(socket: name))
            try manager.tell(.alive)
            try manager.tell(.ready("serving"), waitMilliseconds: 1000)
            #expect(inbox.next() == "WATCHDOG=1")
            #expect(inbox.next() == "READY=1\nSTATUS=serving")
        }
    }

    @Test func `a manager that is gone or never reads is an error, and holds nobody up`() throws {
        let directory = try TemporaryDirectory()
        let gone = try #require(ServiceManager(socket: directory.file("none")))
        #expect(throws: Errno(ENOENT, in: "sendto")) { try gone.tell(.alive) }
        let long = try #require(ServiceManager(socket: "/" + String(repeating: "x", count: 200)))
        #expect(throws: Errno(ENAMETOOLONG, in: "sendto")) { try long.tell(.alive) }

        let inbox = try UnixInbox(directory.file("full"))
        let manager = try #require(ServiceManager(socket: directory.file("full")))
        #expect(throws: Errno(EAGAIN, in: "sendto")) {
            for _ in 0..<10_000 { try manager.tell(.alive) }
        }
        #expect(throws: Errno(EAGAIN, in: "sendto")) {
            try manager.tell(.alive, waitMilliseconds: 20)
        }
        #expect(inbox.next() == "WATCHDOG=1")
    }
}

/// A Unix datagram socket that a test reads.
private final class UnixInbox {
    private let descriptor: Int32

    init(_ name: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(name.utf8)
        if name.hasPrefix("@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(2 + bytes.count)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length)
            }
        }
        try #require(result == 0)
    }

    deinit { close(descriptor) }

    func next() -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }
}
