import Bytes
import KernelTesting
import LinuxIO
import Loop
import Model
import Routing
import Synchronization
import Testing

/// A resolver on a simulated loop, and what came of each name it was asked for.
final class ResolverBench {
    /// Texts of the system's files, which a test may change while the resolver runs.
    final class Files: Sendable {
        struct Texts {
            var hosts = ""
            var resolver = "nameserver 192.0.2.53\n"
            var nameServices = "hosts: files dns\n"
            var reads = 0
            var library: [String: [IPAddress]] = [:]
            var libraryAsked: [String] = []
        }

        let texts = Mutex(Texts())

        var system: SystemFiles {
            SystemFiles(
                read: { [self] in
                    texts.withLock { texts in
                        texts.reads += 1
                        return SystemFiles.Contents(
                            hosts: texts.hosts, resolver: texts.resolver,
                            nameServices: texts.nameServices)
                    }
                },
                askLibrary: { [self] name in
                    texts.withLock { texts in
                        texts.libraryAsked.append(name)
                        return texts.library[name]
                    }
                }, isOwnAddress: { _ in false })
        }
    }

    let simulation: Simulation
    let files = Files()
    private(set) var resolver: Resolver
    /// Outcomes in the order in which they came, as `name addresses` or `name fault`.
    private(set) var outcomes: [String] = []

    init(
        hosts: HostsTable = HostsTable(), sources: [Resolver.Source] = [Resolver.Source(.system)],
        lifetime: AnswerCache.Lifetime = .ofAnswer, answersStale: Bool = false, seed: UInt64 = 1,
        faults: Faults = .none
    ) throws {
        simulation = Simulation(seed: seed, faults: faults)
        let pool = try BlockingPool(threads: 0, capacity: 1)
        resolver = Resolver(
            simulation.loops[0], hosts: Published(hosts), sources: sources, lifetime: lifetime,
            answersStale: answersStale, files: files.system, pool: pool)
    }

    var loop: EventLoop { simulation.loops[0] }

    /// Starts to resolve; the outcome is appended when it comes.
    func ask(_ name: String, limitMilliseconds: UInt64 = 15_000) {
        simulation.onLoop { loop in
            loop.start { [self] in
                let deadline = loop.nowNanoseconds + limitMilliseconds * 1_000_000
                do throws(NameFault) {
                    let found = try await resolver.resolve(name, deadlineNanoseconds: deadline)
                    let list = found.map { "\($0)" }.joined(separator: " ")
                    outcomes.append("\(name) \(list)")
                } catch {
                    outcomes.append("\(name) \(error)")
                }
            }
        }
    }

    /// Resolves and lets time pass until the outcome is there.
    func resolve(_ name: String, limitMilliseconds: UInt64 = 15_000) -> String {
        let before = outcomes.count
        ask(name, limitMilliseconds: limitMilliseconds)
        guard simulation.run(until: { outcomes.count > before }) else {
            Issue.record("\(name): nobody answered for ever")
            return ""
        }
        return String((outcomes.last ?? "").dropFirst(name.count + 1))
    }

    /// Lets every question end and checks that nothing of them is left.
    func finish(sourceLocation: SourceLocation = #_sourceLocation) {
        simulation.run(milliseconds: 60_000)
        #expect(loop.registrationCount == 0, sourceLocation: sourceLocation)
        #expect(simulation.kernel.openDescriptorCount == 0, sourceLocation: sourceLocation)
    }
}

extension Resolver.Source {
    /// These servers over UDP, in order, each waited for so long and asked once.
    static func servers(
        _ servers: SimulatedNameServer..., families: AddressFamilies = .preferV4,
        timeoutMilliseconds: UInt64 = 1000
    ) -> Self {
        var plan = NameQueryPlan(servers: servers.map { NameServer($0.endpoint) })
        plan.families = families
        plan.timeoutNanoseconds = timeoutMilliseconds * 1_000_000
        plan.attempts = 1
        return Self(.servers(plan), families: families)
    }
}
