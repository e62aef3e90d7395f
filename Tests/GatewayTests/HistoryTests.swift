import KernelTesting
import Model
import Testing

/// Whole gateways in random histories, each from a seed. `WEIR_SEED` plays one of them,
/// `WEIR_HISTORIES` sets how many are played.
@Suite("A whole gateway in random histories", .timeLimit(.minutes(30)))
struct HistoryTests {
    /// Seeds are played in a few groups, each on one thread.
    private static let groups: UInt64 = 4

    private static var seeds: ClosedRange<UInt64> {
        if let seed = Setting.number("WEIR_SEED") { return seed...seed }
        return 1...(Setting.number("WEIR_HISTORIES") ?? 160)
    }

    @Test(arguments: 0..<groups)
    func `every byte is counted once, whatever happens`(_ group: UInt64) throws {
        var flows = 0
        var reloads = 0
        for seed in Self.seeds where seed % Self.groups == group {
            let history = try History(seed: seed)
            try history.play()
            history.check()
            reloads += history.reloads
            flows += history.world.recordings["all"]?.stories.count ?? 0
        }
        let isWhole = Self.seeds.count > 100
        #expect(!isWhole || flows > Self.seeds.count / 4, "histories without flows prove nothing")
        #expect(!isWhole || reloads > 0, "nothing was reloaded in any history")
    }

    @Test func `a seed is one history`() throws {
        func play() throws -> [String] {
            let history = try History(seed: 7)
            try history.play()
            let kernel = history.world.simulation.kernel
            return ["\(kernel.nowNanoseconds)", "\(history.world.simulation.rounds)"]
                + (history.world.recordings["all"]?.stories.values.map {
                    "\($0.flow.client) \($0.counts)"
                }.sorted() ?? [])
        }
        #expect(try play() == play())
    }
}
