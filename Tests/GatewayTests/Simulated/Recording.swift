import Model
import Options
import PluginKit
import Synchronization

/// What one observer stored, as a database would have it, and every promise that was broken.
///
/// ## Concurrency
/// A lock protects it; a simulation uses it on one thread.
final class Recording: Sendable {
    /// What an observer does with one batch.
    enum Manner: Sendable {
        case stores
        /// Throws and has stored nothing.
        case rollsBack
        /// Stores and throws: the batch comes again.
        case storesAndThrows
        /// Waits so long and then stores.
        case dawdles(milliseconds: UInt64)
        /// Stores and ends one of the flows.
        case rules
    }

    /// Why it throws.
    struct Trouble: Error {}

    /// Everything known of one flow.
    struct Story: Sendable {
        let flow: FlowInfo
        var counts = FlowCounts()
        var end: FlowEnd?
        var closedCount = 0
        var recoveredCount = 0
        var atMilliseconds: Int64 = 0
    }

    private struct State {
        var stories: [FlowID: Story] = [:]
        var complaints: [String] = []
        var sequences: [BootID: UInt64] = [:]
        var boot: BootID?
    }

    private let state = Mutex(State())
    private let guid: String
    private let choose: @Sendable () -> Manner
    private let pause: @Sendable (UInt64) async -> Void

    /// A recording under a GUID. `choose` is asked once per batch; `pause` waits in simulated time.
    init(
        guid: String, choose: @escaping @Sendable () -> Manner,
        pause: @escaping @Sendable (UInt64) async -> Void
    ) {
        self.guid = guid
        self.choose = choose
        self.pause = pause
    }

    /// All stories by flow.
    var stories: [FlowID: Story] { state.withLock { $0.stories } }
    /// Broken promises, in words.
    var complaints: [String] { state.withLock { $0.complaints } }

    /// A gateway has started.
    func began(_ boot: BootID) { state.withLock { $0.boot = boot } }

    func take(_ batch: FlowBatch) async throws -> [FlowRuling] {
        switch choose() {
        case .stores:
            store(batch)
        case .rollsBack:
            throw Trouble()
        case .storesAndThrows:
            store(batch)
            throw Trouble()
        case .dawdles(let milliseconds):
            await pause(milliseconds)
            store(batch)
        case .rules:
            store(batch)
            guard let flow = batch.events.last?.flow else { return [] }
            return [FlowRuling(flow: flow.id, verdict: .deny("a whim"))]
        }
        return []
    }

    private func store(_ batch: FlowBatch) {
        state.withLock { state in
            guard let boot = state.boot else { return }
            let last = state.sequences[boot] ?? 0
            if batch.sequence == last { return }
            if batch.sequence != last + 1 {
                state.complaints.append("batch \(batch.sequence) came after \(last)")
            }
            state.sequences[boot] = batch.sequence
            for event in batch.events {
                if let complaint = Self.store(event, guid, boot, &state.stories) {
                    state.complaints.append("flow \(event.flow.id): \(complaint)")
                }
            }
        }
    }

    private static func store(
        _ event: FlowEvent, _ guid: String, _ boot: BootID, _ stories: inout [FlowID: Story]
    ) -> String? {
        let flow = event.flow
        if !flow.origin.guids.contains(guid) { return "it is another GUID's" }
        switch event {
        case .opened:
            if stories[flow.id] != nil { return "it opens a second time" }
            stories[flow.id] = Story(flow: flow)
        case .counted(_, let counts, let moment):
            guard var story = stories[flow.id] else { return "it counts before it opened" }
            if story.end != nil { return "it counts after its end" }
            if !counts.isAtLeast(story.counts) { return "its counts shrink" }
            if moment < story.atMilliseconds { return "its time goes back" }
            (story.counts, story.atMilliseconds) = (counts, moment)
            stories[flow.id] = story
        case .closed(_, let counts, let end, let moment):
            guard var story = stories[flow.id] else { return "it ends before it opened" }
            if story.end != nil { return "it ends a second time" }
            if !counts.isAtLeast(story.counts) { return "its totals are less than its counts" }
            (story.counts, story.end, story.atMilliseconds) = (counts, end, moment)
            story.closedCount += 1
            stories[flow.id] = story
        case .recovered(_, let counts, let end, _):
            if flow.boot == boot { return "it is recovered in its own life" }
            var story = stories[flow.id] ?? Story(flow: flow)
            // Stored already: the same again, and nothing is added.
            if story.closedCount > 0 && counts != story.counts { return "it ends differently" }
            if !counts.isAtLeast(story.counts) { return "a crash has taken counts away" }
            (story.counts, story.end) = (counts, end)
            story.recoveredCount += 1
            stories[flow.id] = story
        }
        return nil
    }
}

extension FlowCounts {
    /// Whether no count is less than another's.
    func isAtLeast(_ other: FlowCounts) -> Bool {
        uplinkBytes >= other.uplinkBytes && uplinkPackets >= other.uplinkPackets
            && downlinkBytes >= other.downlinkBytes && downlinkPackets >= other.downlinkPackets
            && overheadUplinkBytes >= other.overheadUplinkBytes
            && overheadDownlinkBytes >= other.overheadDownlinkBytes
            && droppedPackets >= other.droppedPackets
    }
}

/// A plugin that stores what it sees in a recording of the test's.
final class RecorderPlugin: Plugin {
    /// `key`, by which the test's recordings are found.
    struct Settings: PluginSettings {
        let key: String

        init(from reader: inout OptionReader) { key = reader.string("key", default: "") }
    }

    private struct Observer: FlowObserver {
        let recording: Recording

        func observe(_ batch: FlowBatch) async throws -> [FlowRuling] {
            try await recording.take(batch)
        }
    }

    /// A configuration names a key that no test has made.
    struct NoRecording: Error {}

    private static let recordings = Mutex<[String: Recording]>([:])

    /// Makes a recording known under a key and GUID; nil forgets it.
    static func set(_ recording: Recording?, key: String, guid: String) {
        recordings.withLock { $0["\(key)/\(guid)"] = recording }
    }

    static let type = "recorder"
    private let recording: Recording

    init(settings: Settings, host: PluginHost) throws {
        let name = "\(settings.key)/\(host.guid)"
        guard let recording = Self.recordings.withLock({ $0[name] }) else { throw NoRecording() }
        self.recording = recording
        recording.began(host.boot)
    }

    func install(in points: inout ExtensionPoints) {
        points.add(observer: Observer(recording: recording))
    }
}
