import PluginKit
import Synchronization
import Testing

@Suite("The registry of reporters by GUID")
struct StatsReporterRegistryTests {
    /// Tells one reporter from another.
    private final class Named: TrafficStatsReporter {
        let name: String

        init(_ name: String) { self.name = name }

        func onPacket(
            _ protocol: String, direction: String, source: String, destination: String,
            byteCount: Int
        ) {}
    }

    private func name(_ registry: StatsReporterRegistry, _ guid: String) -> String? {
        (registry.reporter(guid: guid) as? Named)?.name
    }

    @Test func `a registered reporter is found under its GUID and no other`() {
        let registry = StatsReporterRegistry()
        registry.register(guid: "one", Named("first"))
        #expect(name(registry, "one") == "first")
        #expect(name(registry, "ONE") == nil)
        #expect(name(registry, "") == nil)
    }

    @Test func `registering again replaces`() {
        let registry = StatsReporterRegistry()
        registry.register(guid: "one", Named("first"))
        registry.register(guid: "one", Named("second"))
        #expect(name(registry, "one") == "second")
    }

    @Test func `an empty GUID is ignored`() {
        let registry = StatsReporterRegistry()
        registry.register(guid: "", Named("nobody"))
        #expect(registry.isEmpty)
    }

    @Test func `an unregistered reporter is gone, and an unknown GUID is no error`() {
        let registry = StatsReporterRegistry()
        registry.register(guid: "one", Named("first"))
        registry.unregister(guid: "two")
        #expect(name(registry, "one") == "first")
        registry.unregister(guid: "one")
        #expect(registry.isEmpty)
    }

    @Test func `every change is told, whoever makes it`() {
        let registry = StatsReporterRegistry()
        let changes = Changes()
        registry.observeChanges { changes.add() }
        registry.register(guid: "one", Named("first"))
        registry.unregister(guid: "one")
        registry.register(guid: "", Named("ignored"))
        #expect(changes.count == 2)
    }

    /// Counts calls from any thread.
    private final class Changes: Sendable {
        private let number = Mutex(0)

        func add() { number.withLock { $0 += 1 } }

        var count: Int { number.withLock { $0 } }
    }
}
