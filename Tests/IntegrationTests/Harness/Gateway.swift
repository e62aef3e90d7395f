import Foundation
import Glibc
import Testing

/// A running `weir` with a configuration of its own in a folder of its own.
///
/// ## Concurrency
/// Used by the thread of one test.
final class Gateway {
    let folder: TemporaryFolder
    let text: GatewayText
    /// The address of each service, in order.
    let addresses: [Address]
    /// The configuration file.
    let file: String
    private(set) var process: ChildProcess
    private let launcher: [String]

    /// Writes the file and starts the gateway, through the program `launcher` where given; comes
    /// back when every service listens.
    init(
        _ text: GatewayText, folder: TemporaryFolder? = nil, launcher: [String] = []
    ) throws {
        let folder = try folder ?? TemporaryFolder()
        let written = try text.services.map { try $0.address ?? "127.0.0.1:\(Ports.free())" }
        self.folder = folder
        self.text = text
        self.launcher = launcher
        addresses = try written.map(Self.address)
        file = try folder.write(
            text.yaml(folder: folder.root, addresses: written), to: "gateway.yaml")
        process = try Self.launch(launcher, file: file, folder: folder)
        try waitUntilReady()
    }

    deinit { process.kill() }

    /// The built gateway: beside the test's own executable, or what WEIR_BINARY says.
    static let binary: String = {
        if let path = ProcessInfo.processInfo.environment["WEIR_BINARY"] { return path }
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        return URL(fileURLWithPath: own ?? "/").deletingLastPathComponent()
            .appendingPathComponent("weir").path
    }()

    /// Runs `weir` with `arguments` to its end.
    static func command(
        _ arguments: [String], in folder: TemporaryFolder, input: String? = nil
    ) throws -> Finished {
        try run([binary] + arguments, in: folder, input: input, within: 30)
    }

    /// The address of the first service.
    var address: Address { addresses[0] }
    var port: UInt16 { address.port }
    var figures: ProcessFigures { ProcessFigures(pid: process.pid) }
    /// Everything the running process has written.
    var log: String { process.errors + process.output }

    /// Every line of the log, which must be JSON objects: nothing here is a terminal.
    func logLines() throws -> [[String: Any]] {
        try log.split(separator: "\n").map { line in
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8))
            guard let entry = object as? [String: Any] else {
                throw HarnessFailure("a log line is no JSON object: \(line)")
            }
            return entry
        }
    }

    // MARK: What it metered

    func database(_ guid: String = "meter") -> String {
        "\(text.dataFolder ?? folder.root)/\(guid).db"
    }

    func flowsFile(_ guid: String = "meter") -> String {
        "\(text.dataFolder ?? folder.root)/\(guid).jsonl"
    }

    /// The flow records, once there are at least `count`.
    func records(_ count: Int, guid: String = "meter") throws -> [FlowRecord] {
        var last: [FlowRecord] = []
        let isComplete = try eventually(within: 15) {
            last = try FlowRecord.read(flowsFile(guid))
            return last.count >= count
        }
        guard isComplete else {
            throw HarnessFailure("\(last.count) of \(count) flow records: \(last)")
        }
        return last
    }

    /// The only flow record, once it is there.
    func onlyRecord() throws -> FlowRecord {
        let records = try records(1)
        try #require(records.count == 1, "\(records)")
        return records[0]
    }

    /// What `weir usage --by …` says now.
    func usage(by keys: String, guid: String = "meter", _ more: [String] = []) throws -> Usage {
        let result = try Self.command(
            ["usage", "--by", keys, "--db", database(guid), "--json"] + more, in: folder)
        guard result.isSuccess else { throw HarnessFailure("usage: \(result)") }
        return try Usage(json: result.output)
    }

    /// Usage once it satisfies `condition`; where it never does, what it was in the end.
    func usage(
        by keys: String, guid: String = "meter", until condition: (Usage) -> Bool
    ) throws -> Usage {
        var last = try Usage(json: #"{"by":"","rows":[]}"#)
        _ = try eventually(within: 15, every: 200) {
            // The database appears with the first interval.
            guard exists(database(guid)) else { return false }
            last = try usage(by: keys, guid: guid)
            return condition(last)
        }
        return last
    }

    // MARK: Life

    /// Asks it to stop and gives how it ended; a gateway that does not stop is killed.
    func terminate(within seconds: Double = 40) throws -> Exit {
        process.signal(SIGTERM)
        guard let exit = process.exit(within: seconds) else {
            process.kill()
            throw HarnessFailure("the gateway did not stop within \(seconds) s of SIGTERM")
        }
        return exit
    }

    /// Starts it again on the same files after it has ended.
    func restart() throws {
        process.kill()
        process = try Self.launch(launcher, file: file, folder: folder)
        try waitUntilReady()
    }

    private func waitUntilReady() throws {
        let isReady = eventually(within: 30, every: 5) {
            !process.isRunning || isListening
        }
        guard isReady, process.isRunning else {
            throw HarnessFailure("the gateway does not listen on \(addresses)\n\(log)")
        }
        // Each loop binds the address; a datagram that comes before the last has may find its
        // successors with another loop, as another flow. A log that is off says nothing of it.
        if text.services.contains(where: { $0.listener == "udp" }) {
            _ = eventually(within: 2, every: 5) { log.contains("\"ready\"") }
        }
    }

    private var isListening: Bool {
        zip(text.services, addresses).allSatisfy { service, address in
            service.listener == "udp"
                ? SocketTable.isBound(udp: address.port) : SocketTable.listens(on: address.port)
        }
    }

    private static func launch(
        _ launcher: [String], file: String, folder: TemporaryFolder
    ) throws -> ChildProcess {
        guard access(binary, X_OK) == 0 else { throw HarnessFailure("no gateway at \(binary)") }
        return try ChildProcess(launcher + [binary, "-C", file], in: folder)
    }

    private static func address(_ text: String) throws -> Address {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { throw HarnessFailure("no address: \(text)") }
        let host = text[..<colon].trimmingCharacters(in: ["[", "]"])
        return Address(host.isEmpty || host == "0.0.0.0" ? "127.0.0.1" : host, port)
    }
}

/// Runs `body` with a gateway, then stops it: exit status 0, and no password in its log.
///
/// A failure carries the end of the gateway's log. The gateway is gone afterwards in any case.
func withGateway(
    _ text: GatewayText = .socks(), folder: TemporaryFolder? = nil, launcher: [String] = [],
    _ body: (Gateway) throws -> Void
) throws {
    let gateway = try Gateway(text, folder: folder, launcher: launcher)
    do {
        try body(gateway)
        if gateway.process.isRunning {
            #expect(try gateway.terminate() == .code(0), "\(gateway.log.suffix(2000))")
        }
    } catch {
        throw HarnessFailure("\(error)\n--- the gateway's log\n\(gateway.log.suffix(4000))")
    }
    #expect(!gateway.log.contains("pw-of-"), "a password stands in the log")
}
