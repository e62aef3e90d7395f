import KernelTesting
import Model
import Testing

/// What must hold of every history at its end.
extension History {
    /// Checks everything and records an issue with the seed for what does not hold.
    func check() {
        for (guid, recording) in world.recordings {
            #expect(recording.complaints == [], "seed \(seed), \(guid)")
            checkEnds(guid, recording)
        }
        guard let all = world.recordings["all"]?.stories else { return }
        checkOwners(all)
        checkCounts(all)
        checkBytes(all)
        checkLog(all)
        checkSessions(all)
    }

    /// Every flow has ended once, by its close or by its recovery.
    private func checkEnds(_ guid: String, _ recording: Recording) {
        for (id, story) in recording.stories {
            #expect(story.end != nil, "seed \(seed), \(guid): flow \(id) has no end")
            #expect(story.closedCount <= 1, "seed \(seed), \(guid): flow \(id)")
            if story.recoveredCount > 0 && story.closedCount == 0 && turning == .crash {
                #expect(hasDied, "seed \(seed), \(guid): flow \(id) crashed without a crash")
            }
        }
    }

    /// Every observer has exactly the flows whose service names its GUID, with the same counts.
    private func checkOwners(_ all: [FlowID: Recording.Story]) {
        for (guid, recording) in world.recordings {
            let stories = recording.stories
            let expected = Set(
                all.values.filter { $0.flow.origin.guids.contains(guid) }.map(\.flow.id))
            #expect(Set(stories.keys) == expected, "seed \(seed), \(guid)")
            for (id, story) in stories {
                #expect(story.counts == all[id]?.counts, "seed \(seed), \(guid): flow \(id)")
            }
        }
    }

    /// What was counted is what the kernel took: exactly, but for the call in which the process
    /// died, whose bytes may be missing.
    private func checkCounts(_ all: [FlowID: Recording.Story]) {
        var counted: [KernelTally.Way: KernelTally.Amount] = [:]
        func add(_ way: KernelTally.Way, _ bytes: UInt64, _ packets: UInt64) {
            counted[way, default: KernelTally.Amount()] +=
                KernelTally.Amount(bytes: bytes, packets: packets)
        }
        for story in all.values {
            let (flow, counts) = (story.flow, story.counts)
            switch flow.transport {
            case .tcp:
                add(.upstream(flow.upstreamLocal), counts.uplinkBytes, 0)
                add(.client(flow.client), counts.downlinkBytes + counts.overheadDownlinkBytes, 0)
            case .udp:
                add(
                    .datagramsUp(port: flow.upstreamLocal.port, to: flow.destination),
                    counts.uplinkBytes, counts.uplinkPackets)
                let isForwarded = flow.listener.port == World.Port.datagrams
                add(
                    isForwarded
                        ? .forwarded(to: flow.client)
                        : .datagramsDown(
                            port: flow.listener.port, to: flow.client, from: flow.destination),
                    counts.downlinkBytes, counts.downlinkPackets)
            }
        }
        for (way, amount) in world.tally.amounts {
            let own = counted[way]
            // A client that never had a flow got replies only.
            if case .client = way, own == nil { continue }
            let missing = lastCall[way] ?? KernelTally.Amount()
            let counts = own ?? KernelTally.Amount()
            #expect(
                counts == amount
                    || counts.bytes + missing.bytes == amount.bytes
                        && counts.packets + missing.packets == amount.packets,
                "seed \(seed): \(way): the kernel took \(amount), counted \(counts)")
        }
    }

    /// What peers received is what was sent, from its beginning and in order; all of it where both
    /// sides came to an orderly end.
    private func checkBytes(_ all: [FlowID: Recording.Story]) {
        for story in all.values where story.flow.transport == .tcp {
            let flow = story.flow
            guard let client = streams.first(where: { $0.stream.local == flow.client }) else {
                Issue.record("seed \(seed): flow \(flow.id) has no client")
                continue
            }
            guard let origin = origins.connection(from: flow.upstreamLocal) else { continue }
            #expect(
                client.payload.starts(with: origin.received),
                "seed \(seed): flow \(flow.id): other bytes went up")
            let came = client.stream.received.dropFirst(client.replyBytes)
            let said: [UInt8]
            switch client.port {
            case Origins.Port.echo: said = origin.received
            case Origins.Port.source: said = origins.sourceBytes
            default: said = []
            }
            #expect(said.starts(with: came), "seed \(seed): flow \(flow.id): other bytes came down")
            guard story.end?.cause == .finished, origin.error == nil, origin.hasEnded,
                client.stream.error == nil, client.stream.hasEnded
            else { continue }
            #expect(
                origin.received.count == Int(story.counts.uplinkBytes),
                "seed \(seed): flow \(flow.id): not all went up")
            #expect(
                came.count == Int(story.counts.downlinkBytes),
                "seed \(seed): flow \(flow.id): not all came down")
        }
    }

    /// The log has every flow that the observers have, once (and once more where a flow that had
    /// ended was recovered).
    private func checkLog(_ all: [FlowID: Recording.Story]) {
        var logged: [String: Int] = [:]
        for line in world.logged("flow ended") {
            if let id = line.split(separator: " ").first(where: { $0.hasPrefix("flow=") }) {
                logged[String(id.dropFirst(5)), default: 0] += 1
            }
        }
        let known = Set(all.keys.map(\.description))
        #expect(known.subtracting(logged.keys) == [], "seed \(seed): not in the log")
        #expect(Set(logged.keys).subtracting(known) == [], "seed \(seed): in the log only")
    }

    /// Flows of one user that are open at one time have one session; others of one life may.
    private func checkSessions(_ all: [FlowID: Recording.Story]) {
        let own = all.values.filter { $0.flow.user != nil }
        for one in own {
            #expect(one.flow.session != nil, "seed \(seed): flow \(one.flow.id)")
            for other in own where other.flow.boot == one.flow.boot {
                let overlaps =
                    one.flow.openedMilliseconds < other.atMilliseconds
                    && other.flow.openedMilliseconds < one.atMilliseconds
                #expect(
                    !overlaps || one.flow.session == other.flow.session,
                    "seed \(seed): \(one.flow.id) and \(other.flow.id) have two sessions")
            }
        }
    }
}
