import Model
import Options
import PluginKit
import Storage
import Synchronization
import Testing

@testable import WingMeter

/// A folder of its own for one test, removed afterwards by whoever made it.
struct Folder {
    let path: String

    init() {
        path = "/tmp/weir-wing-\(UInt64.random(in: 0 ... .max))"
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }
}

/// What a test's gateway offers to a meter: a clock that the test moves, a log that it reads.
final class Workbench: Sendable {
    /// 2026-11-20T09:00:00Z.
    static let morning: Int64 = 1_795_165_200_000

    let now = Mutex<Int64>(Workbench.morning)
    let lines = Mutex<[(LogLevel, String)]>([])

    func host(guid: String = "meter", boot: UInt64, directory: String) -> PluginHost {
        PluginHost(
            guid: guid, boot: BootID(bits: boot), stateDirectory: directory,
            log: { level, line in self.lines.withLock { $0.append((level, line)) } },
            wallMilliseconds: { self.now.withLock { $0 } })
    }

    var log: [String] { lines.withLock { $0.map { "\($0.0.name): \($0.1)" } } }
}

/// A mapping of options; text in, mappings by nesting.
indirect enum Option {
    case text(String)
    case mapping(KeyValuePairs<String, Option>)

    var node: Node {
        let place = Location(file: "test.yaml", line: 1, column: 1)
        switch self {
        case .text(let text): return Node(.scalar(text, isQuoted: false), at: place)
        case .mapping(let entries):
            return Node(
                .mapping(
                    entries.map { (key: Node.Key(text: $0.key, location: place), $0.value.node) }),
                at: place)
        }
    }
}

extension Option: ExpressibleByStringLiteral, ExpressibleByDictionaryLiteral {
    init(stringLiteral text: String) { self = .text(text) }
    init(dictionaryLiteral entries: (String, Option)...) {
        // KeyValuePairs has no initialiser from an array; two entries are all that nesting needs.
        switch entries.count {
        case 0: self = .mapping([:])
        case 1: self = .mapping([entries[0].0: entries[0].1])
        default:
            self = .mapping([entries[0].0: entries[0].1, entries[1].0: entries[1].1])
        }
    }
}
