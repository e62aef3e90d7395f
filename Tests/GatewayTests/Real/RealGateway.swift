import Assembly
import Configuration
import Inbound
import Loop
import Model
import PluginKit
import Routing
import Testing

/// A gateway in this process, with real loops and real sockets on 127.0.0.1.
final class RealGateway: Sendable {
    let registry: StatsReporterRegistry
    private let home: EventLoop
    private let pool: BlockingPool
    private let gateway: LoopConfined<Gateway>
    private let endpoints: [String: Endpoint]

    /// Starts one from its services' YAML (`NAME, HANDLER AND MORE`), which listen on free ports.
    init(
        _ services: String, plugins: String = "",
        reporters: [String: any TrafficStatsReporter] = [:]
    ) async throws {
        let registry = StatsReporterRegistry()
        for (guid, reporter) in reporters { registry.register(guid: guid, reporter) }
        let text = "services:\n\(services)\n\(plugins)"
        let prepared = PreparedConfiguration(
            Configuration.load(bytes: Array(text.utf8), file: "test.yaml"),
            descriptors: [PluginDescriptor(RecorderPlugin.self)])
        try #require(!prepared.loaded.isRefused, "\(prepared.loaded.renderedDiagnostics)")
        let environment = try LinuxEnvironment(stateDirectory: nil)
        let home = try environment.makeLoop(name: "home", index: -1)
        let pool = try BlockingPool(threads: 1, capacity: 16)
        let plan = LoopConfined(
            Gateway.Plan(
                configuration: prepared, environment: environment, home: home,
                journal: Journal(threshold: .fatal) { _, _, _ in }, logWriter: nil,
                registry: registry, loopCount: 1, pool: pool,
                systemFiles: SystemFiles(
                    read: { SystemFiles.Contents(hosts: "", resolver: "", nameServices: "") },
                    askLibrary: { _ in nil }, isOwnAddress: { _ in false })))
        let gateway = try await home.call { () async throws -> LoopConfined<Gateway> in
            LoopConfined(try await Gateway.start(plan.value))
        }.get()
        let found = await home.perform { _ in
            gateway.value.endpoints.map { (name: $0.service, endpoint: $0.endpoint) }
        }
        self.registry = registry
        self.home = home
        self.pool = pool
        self.gateway = gateway
        endpoints = Dictionary(uniqueKeysWithValues: found.map { ($0.name, $0.endpoint) })
    }

    /// Where a service listens.
    func endpoint(_ service: String) throws -> Endpoint { try #require(endpoints[service]) }

    /// Drains it; every count is with the plugins then.
    func stop() async {
        let gateway = gateway
        let isClean = await home.call { await gateway.value.drain(withinNanoseconds: 0) }
        #expect((try? isClean.get()) == true)
        home.stop()
        pool.stop()
    }
}

/// One YAML line of a service that forwards to an endpoint.
func forwardLine(
    _ name: String, _ network: String, to target: Endpoint, metadata: String, ttl: String = "60s"
) -> String {
    """
      - { name: \(name), addr: "127.0.0.1:0",
          handler: { type: \(network), metadata: { \(metadata) } },
          listener: { type: \(network)\(network == "udp" ? ", metadata: { ttl: \(ttl) }" : "") },
          forwarder: { nodes: [ { name: origin, addr: "\(target)" } ] } }

    """
}

/// Waits until a condition holds; false after ten seconds.
func until(_ condition: @Sendable () -> Bool) async -> Bool {
    for _ in 0..<1000 {
        if condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return condition()
}
