import FoundationEssentials
import Model
import Options
import PluginKit
import Synchronization

@testable import WingMeter

/// A folder of its own, removed with everything in it when the test lets go of it.
final class Folder: Sendable {
    let path = "/tmp/weir-wing-\(UInt64.random(in: 0 ... .max))"

    init() throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { print("left: \(path)") }
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// The lines of a file; none where there is no file.
    static func lines(_ path: String) -> [String] {
        let data = FileManager.default.contents(atPath: path) ?? Data()
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map { String($0) }
    }
}

/// What a test's gateway offers to a meter: a clock that the test moves, a log that it reads.
final class Workbench: Sendable {
    /// 2026-11-20T09:00:00Z.
    static let morning: Int64 = 1_795_165_200_000

    private let clock = Mutex(Workbench.morning)
    private let lines = Mutex<[String]>([])

    var now: Int64 {
        get { clock.withLock { $0 } }
        set { clock.withLock { $0 = newValue } }
    }

    /// What was logged: `level: line`.
    var log: [String] { lines.withLock { $0 } }

    /// A meter that has not been started.
    func meter(
        _ options: Option, in folder: String, guid: String = "meter", boot: UInt64 = 1
    ) -> WingMeter {
        WingMeter(
            settings: settings(options), host: host(guid: guid, boot: boot, folder: folder))
    }

    func host(guid: String = "meter", boot: UInt64 = 1, folder: String) -> PluginHost {
        PluginHost(
            guid: guid, boot: BootID(bits: boot), stateDirectory: folder,
            log: { level, line in self.lines.withLock { $0.append("\(level.name): \(line)") } },
            wallMilliseconds: { self.now })
    }

    func settings(_ options: Option) -> WingMeterSettings {
        var reader = OptionReader(options.node)
        return WingMeterSettings(from: &reader)
    }
}

/// A mapping of options, written as a literal.
indirect enum Option: ExpressibleByStringLiteral, ExpressibleByDictionaryLiteral {
    case text(String)
    case mapping([(String, Option)])

    init(stringLiteral text: String) { self = .text(text) }
    init(dictionaryLiteral entries: (String, Option)...) { self = .mapping(entries) }

    var node: Node {
        let place = Location(file: "test.yaml", line: 1, column: 1)
        switch self {
        case .text(let text): return Node(.scalar(text, isQuoted: false), at: place)
        case .mapping(let entries):
            let nodes = entries.map { name, option in
                (key: Node.Key(text: name, location: place), value: option.node)
            }
            return Node(.mapping(nodes), at: place)
        }
    }
}

extension FlowCounts {
    init(up: UInt64, down: UInt64, packets: UInt64 = 0, overhead: UInt64 = 0) {
        self.init()
        uplinkBytes = up
        downlinkBytes = down
        uplinkPackets = packets
        overheadUplinkBytes = overhead
    }
}

extension FlowEnd {
    static let finished = FlowEnd(by: .client, phase: .relay, cause: .finished)
    static let crash = FlowEnd(by: .gateway, phase: .relay, cause: .crash)
}

/// A flow of a test; the same number and boot give the same flow.
func flow(
    _ number: UInt64, boot: UInt64 = 1, user: String? = "alice", service: String = "socks",
    host: String? = nil, port: UInt16 = 443, transport: TransportProtocol = .tcp,
    opened: Int64 = Workbench.morning
) -> FlowInfo {
    let client = Endpoint(IPAddress(v4: 0x0a00_0001), UInt16(truncatingIfNeeded: 1024 + number))
    let destination = Endpoint(IPAddress(v4: 0xc000_0200 | UInt32(number & 15)), port)
    return FlowInfo(
        id: FlowID(high: boot, low: number), boot: BootID(bits: boot),
        origin: ServiceInfo(service: service, handler: "socks5", guids: ["meter"]), user: user,
        session: nil, transport: transport, client: client, destination: destination, host: host,
        listener: Endpoint(.loopbackV4, 1080), upstreamLocal: Endpoint(.loopbackV4, 40_000),
        upstreamRemote: destination, openedMilliseconds: opened)
}
