import Glibc
import Testing

/// The gateway as a service: what it tells whoever started it.
@Suite("News for a service manager", .ownThread)
struct SupervisionTests {
    private let folder: TemporaryFolder
    private let port: UInt16
    private let file: String

    init() throws {
        folder = try TemporaryFolder()
        port = try Ports.free()
        let text = GatewayText.socks().yaml(folder: folder.root, addresses: ["127.0.0.1:\(port)"])
        file = try folder.write(text, to: "gateway.yaml")
    }

    private func start(_ environment: [String: String]) throws -> ChildProcess {
        try ChildProcess([Gateway.binary, "-C", file], in: folder, environment: environment)
    }

    @Test(arguments: [true, false])
    func `ready comes when everything listens, stopping when the end begins`(
        isAbstract: Bool
    ) throws {
        let inbox = try ServiceInbox(
            isAbstract ? "@weir-test-\(getpid())-\(port)" : folder.path("notify"))
        let gateway = try start(["NOTIFY_SOCKET": inbox.name])
        let ready = try inbox.message(with: "READY=1")
        #expect(SocketTable.listens(on: port))
        #expect(ready.contains("\nSTATUS=serving 1 service(s), metered by 1 plugin(s)"))
        gateway.signal(SIGTERM)
        let stopping = try inbox.message(with: "STOPPING=1")
        #expect(stopping.contains("\nEXTEND_TIMEOUT_USEC=25000000\n"), "\(stopping)")
        #expect(gateway.exit(within: 20) == .code(0))
        #expect(inbox.told.count == 2, "\(inbox.told)")
    }

    @Test func `SIGHUP is a reload, from its beginning to its end`() throws {
        let inbox = try ServiceInbox(folder.path("notify"))
        let gateway = try start(["NOTIFY_SOCKET": inbox.name])
        _ = try inbox.message(with: "READY=1")
        inbox.clear()
        gateway.signal(SIGHUP)
        let begun = try inbox.message(with: "RELOADING=1")
        #expect(begun.contains("\nMONOTONIC_USEC="))
        _ = try inbox.message(with: "READY=1")
        #expect(inbox.told.first == begun)
    }

    @Test func `signs of life come as often as asked for`() throws {
        let inbox = try ServiceInbox(folder.path("notify"))
        let gateway = try start(["NOTIFY_SOCKET": inbox.name, "WATCHDOG_USEC": "400000"])
        _ = try inbox.message(with: "READY=1")
        #expect(eventually { inbox.count(of: "WATCHDOG=1") >= 8 })
        // What is stuck gives none, and a manager would end it now.
        gateway.signal(SIGSTOP)
        pause(milliseconds: 200)
        inbox.clear()
        pause(milliseconds: 600)
        #expect(inbox.count(of: "WATCHDOG=1") == 0)
        gateway.signal(SIGCONT)
        #expect(eventually { inbox.count(of: "WATCHDOG=1") >= 4 })
        gateway.signal(SIGTERM)
        #expect(gateway.exit(within: 20) == .code(0))
    }

    @Test(arguments: [
        ["WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"], ["WATCHDOG_USEC": "0"], [:],
    ])
    func `nobody hears signs of life that were not asked for`(
        environment: [String: String]
    ) throws {
        let inbox = try ServiceInbox(folder.path("notify"))
        let more = environment.merging(["NOTIFY_SOCKET": inbox.name]) { $1 }
        let gateway = try start(more)
        _ = try inbox.message(with: "READY=1")
        pause(milliseconds: 300)
        gateway.signal(SIGTERM)
        #expect(gateway.exit(within: 20) == .code(0))
        #expect(inbox.count(of: "WATCHDOG=1") == 0)
    }

    @Test func `a start that fails is no readiness, and says why`() throws {
        let holder = try Socket.listen(on: .local(port))
        let inbox = try ServiceInbox(folder.path("notify"))
        let gateway = try start(["NOTIFY_SOCKET": inbox.name])
        #expect(gateway.exit(within: 20) == .code(1))
        #expect(inbox.count(of: "") == 0)
        let told = inbox.told
        #expect(told.count == 1 && told[0].hasPrefix("STATUS=does not start: "), "\(told)")
        #expect(told.first?.contains("\(holder.port)") == true)
    }

    @Test func `a manager that is gone is said once and stops nothing`() throws {
        let gateway = try start([
            "NOTIFY_SOCKET": folder.path("nobody"), "WATCHDOG_USEC": "100000",
        ])
        #expect(eventually(within: 30) { SocketTable.listens(on: port) })
        pause(milliseconds: 400)
        gateway.signal(SIGTERM)
        #expect(gateway.exit(within: 20) == .code(0))
        let lines = gateway.errors.split(separator: "\n")
        #expect(lines.count { $0.contains("the service manager cannot be told") } == 1)
    }
}
