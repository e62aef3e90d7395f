import Assembly
import KernelTesting
import Loop
import Model
import Testing

/// One random history of a gateway, from its start to the last byte, and what must hold of it.
///
/// ## Concurrency
/// One thread: the test's.
final class History {
    /// What happens in its middle.
    enum Turning: CaseIterable {
        /// Nothing: clients come and go, then the gateway drains.
        case none
        /// The gateway drains while clients are at work.
        case drain
        /// The process dies at some system call and is started again.
        case crash
        /// A plugin stores nothing up to the drain's end; the next life tells it everything.
        case deafPlugin
    }

    let seed: UInt64
    let turning: Turning
    let world: World
    let origins: Origins
    private(set) var streams: [StreamClient] = []
    private(set) var datagrams: [DatagramClient] = []
    private let isLossy: Bool
    /// What the call in which the process died had moved.
    private(set) var lastCall: [KernelTally.Way: KernelTally.Amount] = [:]
    private(set) var hasDied = false
    /// Reloads that were applied.
    private(set) var reloads = 0

    init(seed: UInt64) throws {
        self.seed = seed
        let turnings = Turning.allCases
        turning = turnings[Int(seed % UInt64(turnings.count))]
        world = World(seed: seed)
        origins = try Origins(world)
        isLossy = world.chance(0.4)
        let kernel = world.simulation.kernel
        kernel.latencyNanoseconds = 0...UInt64(world.number(0...20_000_000))
        kernel.bufferBytes = world.number(4...(world.chance(0.5) ? 32 : 256)) * 1024
        if world.chance(0.3) { kernel.segmentBytes = world.number(100...9000) }
        if world.chance(0.2) { kernel.trainSegmentBytes = world.number(500...1500) }
    }

    /// Plays it.
    func play() throws {
        let loops = world.number(1...3)
        // What lies in no file is lost by a crash, so only where there is none.
        world.environment.isDiskFull =
            (turning == .none || turning == .drain) && world.chance(0.1)
        guard world.start(loops: loops) else { return }
        world.setTroubles(world.chance(0.7) ? 0.3 : 0)
        world.simulation.kernel.faults = .swarm(seed: seed, lossy: isLossy)
        try visit(clients: world.number(4...12))
        if world.chance(0.4) { reload(times: world.number(1...6)) }
        switch turning {
        case .none: try rest()
        case .drain: world.simulation.run(milliseconds: UInt64(world.number(1...4000)))
        case .crash: try crash(loops: loops)
        case .deafPlugin:
            world.setAlphaFails(true)
            world.simulation.run(milliseconds: UInt64(world.number(1...12_000)))
        }
        world.setTroubles(0)
        try finish(loops: loops)
    }

    /// Goes over to other variants of the configuration while clients are at work.
    private func reload(times: Int) {
        for _ in 0..<times {
            let moment = UInt64(world.number(0...4000)) * 1_000_000
            let variant = world.number(0...15)
            world.simulation.kernel.plan(afterNanoseconds: moment) { [unowned self] in
                world.reload(variant: variant) { outcome in
                    if outcome.isApplied { self.reloads += 1 }
                }
            }
        }
    }

    private func visit(clients: Int) throws {
        for _ in 0..<clients {
            let moment = UInt64(world.number(0...2500)) * 1_000_000
            let isStream = world.chance(0.7)
            world.simulation.kernel.plan(afterNanoseconds: moment) { [unowned self] in
                if isStream {
                    if let client = try? StreamClient(world) { streams.append(client) }
                } else if let client = try? DatagramClient(world) {
                    datagrams.append(client)
                }
            }
        }
    }

    /// Waits until everybody has gone, and looks whether the gateway is at rest then.
    private func rest() throws {
        world.simulation.run(milliseconds: 40_000)
        world.simulation.kernel.faults = .none
        world.simulation.run(milliseconds: 5000)
        let before = world.simulation.rounds
        let events = world.simulation.loops.reduce(0) { $0 + $1.wakeReasons.events }
        world.simulation.run(milliseconds: 10_000)
        #expect(world.simulation.rounds - before < 600, "seed \(seed): the gateway spins")
        let after = world.simulation.loops.reduce(0) { $0 + $1.wakeReasons.events }
        #expect(after == events, "seed \(seed): something is ready that nobody takes")
        try returnLate()
    }

    /// A user who comes back when the session is over gets another.
    private func returnLate() throws {
        func sessions() -> Set<SessionID> {
            Set(world.recordings["all"]?.stories.values.compactMap(\.flow.session) ?? [])
        }
        world.setTroubles(0)
        world.simulation.run(milliseconds: UInt64(Limits.sessionIdleMilliseconds))
        let before = sessions()
        streams.append(try StreamClient(world, user: "alice"))
        world.simulation.run(milliseconds: 5000)
        #expect(
            sessions().count == before.count + 1, "seed \(seed): a session outlived its flows")
    }

    private func crash(loops: Int) throws {
        let life = world.environment.life
        if world.chance(0.7) {
            life.sendsLeft = world.number(1...120)
        } else {
            life.callsLeft = world.number(1...600)
        }
        let isInCall = world.simulation.run(
            limitMilliseconds: UInt64(world.number(500...8000)), until: { life.isOver })
        // Nothing was called that often: it dies between two calls.
        if isInCall { lastCall = world.tally.last } else { life.end() }
        hasDied = true
        world.bury()
        world.simulation.kernel.faults = .none
        guard world.start(loops: loops) else { return }
        world.simulation.kernel.faults = .swarm(seed: seed ^ 1, lossy: isLossy)
        try visit(clients: world.number(0...6))
        world.simulation.run(milliseconds: UInt64(world.number(1...10_000)))
    }

    private func finish(loops: Int) throws {
        let isClean = world.drain(milliseconds: UInt64(world.number(0...3000)))
        world.simulation.kernel.faults = .none
        world.setAlphaFails(false)
        // What an observer has not stored is told by the next life, and only that.
        #expect(
            isClean == world.environment.isDiskEmpty,
            "seed \(seed): clean \(isClean), but flows wait: \(!world.environment.isDiskEmpty)")
        if !isClean && world.start(loops: loops) {
            world.simulation.run(milliseconds: 1000)
            #expect(world.drain(milliseconds: 0), "seed \(seed): the second drain")
        }
        #expect(world.environment.isDiskEmpty, "seed \(seed): flows are left on disk")
        #expect(world.environment.complaints == [], "seed \(seed)")
        #expect(world.simulation.rounds < 400_000, "seed \(seed): too many rounds")
    }
}
