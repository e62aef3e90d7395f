import Chance
import Model
import PluginKit

@testable import WingMeter

/// A random history of flows from a seed, and what it adds up to by plain sums.
struct History {
    /// A flow that is open, with its true counts.
    private struct Open {
        let flow: FlowInfo
        var counts = FlowCounts()
    }

    var random: SplitMix64
    private let boot: UInt64
    private var open: [Open] = []
    private var number: UInt64 = 0
    private(set) var now: Int64

    init(seed: UInt64, boot: UInt64 = 1, now: Int64 = Workbench.morning) {
        random = SplitMix64(seed: seed &* 1_000_003 &+ boot)
        self.boot = boot
        self.now = now
    }

    var openFlows: Int { open.count }

    /// The events of the next batch: some flows open, some count, some end.
    mutating func nextEvents(opening limit: Int) -> [FlowEvent] {
        now += Int64.random(in: 0...400_000, using: &random)
        var events: [FlowEvent] = []
        for _ in 0..<Int.random(in: 0...limit, using: &random) {
            number += 1
            let flow = flow(
                number, boot: boot,
                user: [nil, "alice", "bob"].randomElement(using: &random) ?? nil,
                service: Bool.random(using: &random) ? "socks" : "forward",
                host: Bool.random(using: &random) ? "host\(number % 3).example" : nil,
                transport: Bool.random(using: &random) ? .tcp : .udp, opened: now)
            open.append(Open(flow: flow))
            events.append(.opened(flow))
        }
        for index in open.indices.reversed() where Bool.random(using: &random) {
            open[index].counts = grown(open[index].counts)
            let (flow, counts) = (open[index].flow, open[index].counts)
            if Int.random(in: 0..<3, using: &random) == 0 {
                events.append(.closed(flow, counts, .finished, atMilliseconds: now))
                open.remove(at: index)
            } else {
                events.append(.counted(flow, counts, atMilliseconds: now))
            }
        }
        return events
    }

    private mutating func grown(_ counts: FlowCounts) -> FlowCounts {
        var counts = counts
        counts.uplinkBytes += UInt64.random(in: 0...100_000, using: &random)
        counts.uplinkPackets += UInt64.random(in: 0...9, using: &random)
        counts.downlinkBytes += UInt64.random(in: 0...1 << 33, using: &random)
        counts.downlinkPackets += UInt64.random(in: 0...99, using: &random)
        counts.overheadUplinkBytes += UInt64.random(in: 0...3, using: &random)
        counts.overheadDownlinkBytes += UInt64.random(in: 0...3, using: &random)
        counts.droppedPackets += UInt64.random(in: 0...1, using: &random)
        return counts
    }

    /// Adds what an event says to sums kept in a dictionary; each event once.
    func add(
        _ event: FlowEvent, to model: inout [Ledger.Line: Ledger.Sum],
        last: inout [FlowID: FlowCounts]
    ) {
        let (flow, reading): (FlowInfo, (FlowCounts, Int64)?) =
            switch event {
            case .opened(let flow): (flow, nil)
            case .counted(let flow, let counts, let moment): (flow, (counts, moment))
            case .closed(let flow, let counts, _, let moment),
                .recovered(let flow, let counts, _, let moment):
                (flow, (counts, moment))
            }
        guard let (counts, moment) = reading else { return }
        let place = flow.host.map { "\($0):443" } ?? flow.destination.description
        func line(_ moment: Int64) -> Ledger.Line {
            Ledger.Line(
                bucket: moment / 900_000, user: flow.user ?? "", service: flow.origin.service,
                transport: flow.transport.name, destination: place)
        }
        if last[flow.id] == nil {
            model[line(flow.openedMilliseconds), default: .init()].flows += 1
        }
        let delta = counts.since(last[flow.id] ?? FlowCounts())
        if delta != FlowCounts() { model[line(moment), default: .init()].counts.add(delta) }
        last[flow.id] = counts
    }
}
