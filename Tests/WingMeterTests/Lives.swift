import FoundationEssentials
import Glibc
import Model
import PluginKit
import Synchronization

@testable import WingMeter

/// A gateway's lives, each ended by a crash: which batches a meter gets in each, by the contract of
/// `FlowObserver`, computed from a seed and from how many batches each life had acknowledged.
struct Lives {
    /// A flow as the gateway's memory knew it when a life ended.
    struct Known {
        var flow: FlowInfo
        var counts: FlowCounts
        var moment: Int64
        var isSettled: Bool
        /// Whether a count or its end was ever told: a meter knows nothing of the others.
        var isCounted = false
    }

    let seed: UInt64
    let batchesPerLife: Int
    /// Every flow that ever was, with its true counts.
    private(set) var flows: [FlowID: Known] = [:]
    /// How many batches each life had acknowledged.
    private(set) var acknowledged: [Int] = []

    init(seed: UInt64, batchesPerLife: Int = 5) {
        self.seed = seed
        self.batchesPerLife = batchesPerLife
    }

    /// The boot of the life that comes next.
    var boot: UInt64 { UInt64(acknowledged.count) + 1 }

    /// The batches of the life that comes next: recovery first, then a history.
    func batches() -> [FlowBatch] {
        var history = History(
            seed: seed, boot: boot, now: Workbench.morning + Int64(boot) * 600_000)
        // What was settled may come again: the gateway had no time to forget it.
        let events = flows.values.sorted { $0.flow.id.description < $1.flow.id.description }
            .filter { !$0.isSettled || Bool.random(using: &history.random) }
            .map { known in
                FlowEvent.recovered(
                    known.flow, known.counts, .crash, atMilliseconds: known.moment)
            }
        var batches = events.isEmpty ? [] : [FlowBatch(sequence: 1, events: events)]
        for _ in 0..<batchesPerLife {
            batches.append(
                FlowBatch(
                    sequence: UInt64(batches.count + 1), events: history.nextEvents(opening: 4)))
        }
        return batches
    }

    /// The life ended after so many acknowledged batches; the counters had reached the next one.
    mutating func end(acknowledged: Int) {
        for (index, batch) in batches().enumerated() where index <= acknowledged {
            for event in batch.events { note(event, isAcknowledged: index < acknowledged) }
        }
        self.acknowledged.append(acknowledged)
    }

    private mutating func note(_ event: FlowEvent, isAcknowledged: Bool) {
        switch event {
        case .opened(let flow):
            flows[flow.id] = Known(
                flow: flow, counts: FlowCounts(), moment: flow.openedMilliseconds, isSettled: false)
        case .counted(let flow, let counts, let moment):
            flows[flow.id]?.counts = counts
            flows[flow.id]?.moment = moment
            flows[flow.id]?.isCounted = true
        case .closed(let flow, let counts, _, let moment),
            .recovered(let flow, let counts, _, let moment):
            flows[flow.id]?.counts = counts
            flows[flow.id]?.moment = moment
            flows[flow.id]?.isCounted = true
            if isAcknowledged { flows[flow.id]?.isSettled = true }
        }
    }

    /// Lives the life that comes next in this process, counting acknowledged batches in a file.
    /// With `dyingAtStep` the process kills itself at that step.
    func live(in folder: String, dyingAtStep last: Int?) async throws {
        let meter = Workbench().meter(Self.options(folder), in: folder, boot: boot)
        if let last {
            let steps = Mutex(0)
            meter.onEachStep {
                let step = steps.withLock { steps in
                    steps += 1
                    return steps
                }
                if step == last { kill(getpid(), SIGKILL) }
            }
        }
        try await meter.start()
        let file = open(
            "\(folder)/progress-\(boot)", O_WRONLY | O_APPEND | O_CREAT | O_TRUNC, 0o600)
        for batch in batches() {
            _ = try await meter.observe(batch)
            _ = write(file, "x", 1)
        }
        try await meter.drain()
        await meter.close()
        close(file)
    }

    private static func options(_ folder: String) -> Option {
        [
            "flows": ["jsonl": .text("\(folder)/flows.jsonl"), "intervals": "true"],
            "interval": "60s",
        ]
    }

    /// How many batches the life that comes next, or has just died, had acknowledged.
    func progress(in folder: String) -> Int {
        FileManager.default.contents(atPath: "\(folder)/progress-\(boot)")?.count ?? 0
    }
}
