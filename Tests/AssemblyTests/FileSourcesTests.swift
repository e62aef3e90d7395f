import Configuration
import Inbound
import KernelTesting
import LinuxIO
import Loop
import Model
import PluginKit
import Synchronization
import Testing

@testable import Assembly

@Suite("Files that are read again")
struct FileSourcesTests {
    /// Files in memory, lines of the log and values that were published.
    private final class House: Sendable {
        struct State {
            var files: [String: String] = [:]
            var reads = 0
            var lines: [String] = []
            var values: [[String]] = []
        }

        let state = Mutex(State())

        func write(_ text: String?, to path: String = "list.txt") {
            state.withLock { $0.files[path] = text }
        }
        var lines: [String] { state.withLock { $0.lines } }
        var values: [[String]] { state.withLock { $0.values } }
        var reads: Int { state.withLock { $0.reads } }

        var reader: SharedFileReader {
            { [self] (path) throws(FileFault) in
                let text = state.withLock { state in
                    state.reads += 1
                    return state.files[path]
                }
                guard let text else { throw FileFault.noSuchFile }
                return Array(text.utf8)
            }
        }
    }

    private let simulation = Simulation(seed: 3, loops: 1)
    private let house = House()

    /// Follows `list.txt` of a bypass whose period is ten seconds.
    private func follow(_ text: String, for target: House? = nil) throws -> FileSources {
        house.write(text)
        let configuration = """
            services: [ { name: s, addr: "127.0.0.1:1", handler: { type: socks5 }, bypass: b } ]
            bypasses:
              - { name: b, matchers: [ inline.example ], file: { path: list.txt }, reload: 10s }
            """
        let loaded = Configuration.load(
            bytes: Array(configuration.utf8), file: "test.yaml", readingWith: house.reader)
        try #require(!loaded.isRefused, "\(loaded.renderedDiagnostics)")
        let options = loaded.options.bypasses[0]
        let pool = try BlockingPool(threads: 0, capacity: 1)
        let house = house
        let target = target ?? house
        var sources: FileSources?
        simulation.onLoop { home in
            let journal = Journal(threshold: .trace) { _, event, fields in
                let words = fields.filter { $0.name != "file" }.map(\.value)
                house.state.withLock { $0.lines.append(([event] + words).joined(separator: " ")) }
            }
            let made = FileSources(
                home: home, pool: pool, journal: journal,
                makeWatch: { () throws(Errno) in nil }, reader: house.reader)
            made.follow(
                options.destinations.file, of: "bypass 'b'", for: target,
                reread: { options.reread(with: $0).map { $0.map { "\($0.hosts)" } } },
                publish: { _, value in house.state.withLock { $0.values.append(value) } })
            sources = made
        }
        simulation.run(milliseconds: 10)
        return try #require(sources)
    }

    @Test func `a new content is published after the period, together with what is inline`() throws
    {
        let sources = try follow("one.example\n")
        #expect(house.values.count == 1)
        #expect(house.lines.isEmpty, "the start has said it all")
        simulation.run(milliseconds: 60_000)
        #expect(house.values.count == 1, "the same bytes are not understood again")
        house.write("two.example\n")
        simulation.run(milliseconds: 10_100)
        #expect(house.values.last == ["name(\"inline.example\")", "name(\"two.example\")"])
        #expect(house.lines == ["a file was read again bypass 'b'"])
        simulation.onLoop { _ in sources.close() }
    }

    @Test func `a wrong file leaves what was, and is told once with its place`() throws {
        let sources = try follow("one.example\n")
        house.write("fine.example\n10.0.0.300\na b\n")
        simulation.run(milliseconds: 60_000)
        #expect(house.values.count == 1)
        #expect(
            house.lines == [
                "a file is wrong; what it said before still holds bypass 'b' list.txt:2:1: "
                    + "'10.0.0.300' is no IPv4 address, and no name ends with a number, and 1 more"
            ])
        house.write(nil)
        simulation.run(milliseconds: 60_000)
        #expect(house.values.count == 1)
        #expect(house.lines.count == 2)
        #expect(house.lines.last?.hasSuffix("No such file or directory") == true)
        house.write("three.example\n")
        simulation.run(milliseconds: 11_000)
        #expect(house.values.last?.last == "name(\"three.example\")")
        #expect(house.lines.last == "a file was read again bypass 'b'")
        simulation.onLoop { _ in sources.close() }
    }

    @Test func `a file is followed no longer than somebody holds its object`() throws {
        var object: House? = House()
        let sources = try follow("one.example\n", for: object)
        object = nil
        simulation.run(milliseconds: 10_100)
        let reads = house.reads
        simulation.run(milliseconds: 60_000)
        #expect(house.reads == reads)
        simulation.onLoop { _ in sources.close() }
    }

    @Test func `nothing is read after the end`() throws {
        let sources = try follow("one.example\n")
        simulation.onLoop { _ in sources.close() }
        let reads = house.reads
        simulation.run(milliseconds: 60_000)
        #expect(house.reads == reads)
        #expect(simulation.loops[0].registrationCount == 0)
    }
}
