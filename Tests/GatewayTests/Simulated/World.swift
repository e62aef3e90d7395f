import Assembly
import Chance
import Configuration
import Inbound
import KernelTesting
import Loop
import Model
import PluginKit
import Routing
import Synchronization
import Testing

/// A whole gateway, its plugins, clients and origins in one simulated network. Everything follows
/// from the seed (and, for the order of dictionaries, from `SWIFT_DETERMINISTIC_HASHING=1`).
///
/// ## Concurrency
/// One thread: the test's.
final class World {
    /// The gateway's address as clients see it.
    static let gateway = IPAddress(v4: 0xc633_6401)
    static let originHost = "203.0.113.70"
    static let guids = ["all", "alpha", "beta"]

    /// Ports of the gateway's services.
    enum Port {
        static let open: UInt16 = 1080
        static let closed: UInt16 = 1081
        static let forward: UInt16 = 2000
        static let datagrams: UInt16 = 2001
    }

    let seed: UInt64
    let simulation: Simulation
    let tally = KernelTally(forwarderPort: Port.datagrams)
    let environment: SimulatedEnvironment
    private(set) var random: SplitMix64
    private(set) var recordings: [String: Recording] = [:]
    private let key: String
    private let troubles: Troubles
    private var gateway: Gateway?
    private var home: EventLoop?
    private let lines = Lines()

    /// Log lines, written from any thread.
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    /// How plugins behave, shared with their threads.
    private final class Troubles: Sendable {
        struct State {
            var random: SplitMix64
            var strength = 0.0
            var alwaysFails = false
        }

        let state: Mutex<State>

        init(seed: UInt64) { state = Mutex(State(random: SplitMix64(seed: seed))) }

        func choose(mayFail: Bool) -> Recording.Manner {
            state.withLock { state in
                if state.alwaysFails && mayFail { return .rollsBack }
                guard state.random.happens(state.strength) else { return .stores }
                switch state.random.next() % 5 {
                case 0: return .rollsBack
                case 1: return .storesAndThrows
                case 2: return .rules
                default: return .dawdles(milliseconds: state.random.next() % 1500)
                }
            }
        }
    }

    init(seed: UInt64) {
        self.seed = seed
        random = SplitMix64(seed: seed ^ 0x5707)
        simulation = Simulation(seed: seed, loops: 0)
        environment = SimulatedEnvironment(simulation, tally)
        troubles = Troubles(seed: seed ^ 0x9106)
        key = "history \(seed) \(World.count.withLock { $0 += 1; return $0 })"
        let kernel = LoopConfined(simulation.kernel)
        for guid in Self.guids {
            let recording = Recording(
                guid: guid,
                choose: { [troubles] in troubles.choose(mayFail: guid == "alpha") },
                pause: { milliseconds in
                    await withUnsafeContinuation { continuation in
                        kernel.value.plan(afterNanoseconds: milliseconds * 1_000_000) {
                            continuation.resume()
                        }
                    }
                })
            recordings[guid] = recording
            RecorderPlugin.set(recording, key: key, guid: guid)
        }
    }

    private static let count = Mutex(0)

    deinit { for guid in Self.guids { RecorderPlugin.set(nil, key: key, guid: guid) } }

    // MARK: Chance

    func chance(_ probability: Double) -> Bool { random.happens(probability) }

    func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    // MARK: Plugins

    /// How often plugins fail, dawdle or rule, per batch.
    func setTroubles(_ strength: Double) { troubles.state.withLock { $0.strength = strength } }

    /// Whether the plugin `alpha` stores nothing at all.
    func setAlphaFails(_ fails: Bool) { troubles.state.withLock { $0.alwaysFails = fails } }

    // MARK: Lives

    /// The configuration, in one of several variants that differ in what no flow shows: times,
    /// and a service that nobody uses.
    private func configuration(variant: Int = 0) -> PreparedConfiguration? {
        let idle = 6 + variant % 2
        var text = """
            services:
              - { name: open, addr: ":1080", hosts: names,
                  handler: { type: socks5, metadata: { udp: true, bind: true, idleTimeout: \(idle)s,
                    udpTimeout: 2s, statsGUID: [all, alpha] } }, listener: { type: tcp } }
              - { name: closed, addr: ":1081", hosts: names,
                  handler: { type: socks5, auther: users, metadata: { udp: true,
                    idleTimeout: 6s, udpTimeout: 2s, statsGUID: [beta, all, alpha] } },
                  listener: { type: tcp } }
              - { name: forward, addr: ":2000",
                  handler: { type: tcp, metadata: { idleTimeout: 6s, statsGUID: [all, beta] } },
                  listener: { type: tcp },
                  forwarder: { nodes: [ { name: dead, addr: "203.0.113.71:7" },
                    { name: origin, addr: "\(Self.originHost):7" } ] } }
              - { name: datagrams, addr: ":2001",
                  handler: { type: udp, metadata: { statsGUID: all } },
                  listener: { type: udp, metadata: { ttl: \(2 + variant / 2 % 2)s } },
                  forwarder: { nodes: [ { name: origin, addr: "\(Self.originHost):7" } ] } }

            """
        if variant / 4 % 2 == 1 {
            text += """
                  - { name: extra, addr: ":\(3000 + variant / 8 % 2)", handler: { type: tcp },
                      listener: { type: tcp },
                      forwarder: { nodes: [ { name: origin, addr: "\(Self.originHost):7" } ] } }

                """
        }
        text += """
            authers:
              - { name: users, auths: [ { username: alice, password: correct } ] }
            hosts:
              - { name: names, mappings: [ { ip: "\(Self.originHost)", hostname: origin.test } ] }
            plugins:

            """
        for guid in Self.guids {
            text += "  - { guid: \(guid), type: recorder, options: { key: \"\(key)\" } }\n"
        }
        let loaded = Configuration.load(bytes: Array(text.utf8), file: "simulated.yaml")
        let prepared = PreparedConfiguration(
            loaded, descriptors: [PluginDescriptor(RecorderPlugin.self)])
        if prepared.loaded.isRefused {
            Issue.record("\(prepared.loaded.renderedDiagnostics)")
            return nil
        }
        return prepared
    }

    /// Starts a gateway; false, with an issue, when it does not.
    func start(loops: Int) -> Bool {
        guard let configuration = configuration(),
            let pool = try? BlockingPool(threads: 0, capacity: 1)
        else {
            return false
        }
        environment.beginLife()
        guard let home = try? environment.makeLoop(name: "home", index: -1) else { return false }
        let plan = Gateway.Plan(
            configuration: configuration, environment: environment, home: home, journal: journal,
            logWriter: nil, registry: StatsReporterRegistry(), loopCount: loops, pool: pool,
            systemFiles: SystemFiles(
                read: { SystemFiles.Contents(hosts: "", resolver: "", nameServices: "") },
                askLibrary: { _ in nil }, isOwnAddress: { $0 == Self.gateway }))
        self.home = home
        var fault: String?
        home.perform { loop in
            loop.start { [self] in
                do throws(StartFault) {
                    gateway = try await Gateway.start(plan)
                } catch {
                    fault = "\(error)"
                }
            }
        }
        let isUp = simulation.run(
            limitMilliseconds: 30_000, until: { self.gateway != nil || fault != nil })
        if let fault { Issue.record("seed \(seed): the gateway does not start: \(fault)") }
        return isUp && gateway != nil
    }

    /// Has the running gateway go over to a variant of its configuration; `done` is told what came
    /// of it, unless the process ends before.
    func reload(variant: Int, done: @escaping (Gateway.ReloadOutcome) -> Void) {
        guard let home, let gateway, let configuration = configuration(variant: variant) else {
            return
        }
        let box = LoopConfined((gateway: gateway, done: done))
        home.execute { loop in
            loop.start { box.value.done(await box.value.gateway.apply(configuration)) }
        }
    }

    private var journal: Journal {
        Journal(threshold: .info) { [lines] _, event, fields in
            let text = fields.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
            lines.all.withLock { $0.append("\(event) \(text)") }
        }
    }

    /// Log lines that begin so.
    func logged(_ prefix: String) -> [String] {
        lines.all.withLock { $0.filter { $0.hasPrefix(prefix) } }
    }

    /// Drains the gateway and ends its process; the result is whether all was stored.
    func drain(milliseconds: UInt64) -> Bool {
        guard let home, let gateway else { return false }
        var isClean: Bool?
        home.perform { loop in
            loop.start {
                isClean = await gateway.drain(withinNanoseconds: milliseconds * 1_000_000)
            }
        }
        let isOver = simulation.run(
            limitMilliseconds: 60_000 + milliseconds,
            until: { isClean != nil || self.environment.life.isOver })
        #expect(isOver, "seed \(seed): the drain does not end")
        if !environment.life.isOver {
            #expect(
                simulation.kernel.openDescriptorCount == 0,
                "seed \(seed): descriptors are open after the drain")
        }
        bury()
        return isClean ?? false
    }

    /// The process that has ended or died is gone.
    func bury() {
        environment.endProcess()
        simulation.settle()
        gateway = nil
        home = nil
    }
}
