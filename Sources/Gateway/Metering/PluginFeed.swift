package import Loop
import Model
package import PluginKit

/// One observer's queue: batches, one at a time, repeated until the observer has taken them.
///
/// Counts are cumulative, so of several `counted` events of one flow and bucket only the latest is
/// kept while the observer is busy. When too much waits, only the latest of a flow is kept whatever
/// its bucket, and a flow that opens is skipped whole, and counted: the queue grows with flows that
/// were open then, not with time.
///
/// ## Concurrency
/// Confined to the settlement's loop. The observer is called on the plugin's own loop.
package final class PluginFeed: TimerHandler {
    /// The GUID whose flows it gets.
    package let guid: String
    private let observer: any FlowObserver
    private let home: EventLoop
    private let worker: EventLoop
    private let log: @Sendable (LogLevel, String) -> Void
    private let onTaken: ([SlotReference]) -> Void
    private let onRulings: ([FlowRuling]) -> Void

    private var queue: [Item] = []
    private var firstQueued = 0
    private var latestCounted: [FlowID: Int] = [:]
    private var skipped: Set<FlowID> = []
    private var inFlight: (batch: FlowBatch, slots: [SlotReference])?
    private var sequence: UInt64 = 0
    private var failures = 0
    private var retry = TimerToken.none
    private var idleWaiters: [() -> Void] = []
    /// Ended flows that the observer hears of at the next start because it stayed behind.
    package private(set) var deferredFlows = 0
    /// Ended flows that the observer never heard of because it stayed behind.
    package private(set) var droppedFlows: UInt64 = 0

    private struct Item {
        var event: FlowEvent
        let slot: SlotReference?
    }

    /// A queue for one observer; batches go to `worker`.
    package init(
        guid: String, observer: any FlowObserver, home: EventLoop, worker: EventLoop,
        log: @escaping @Sendable (LogLevel, String) -> Void,
        onTaken: @escaping ([SlotReference]) -> Void, onRulings: @escaping ([FlowRuling]) -> Void
    ) {
        self.guid = guid
        self.observer = observer
        self.home = home
        self.worker = worker
        self.log = log
        self.onTaken = onTaken
        self.onRulings = onRulings
    }

    /// Events that wait, the batch in flight not counted.
    package var waitingCount: Int { queue.count - firstQueued }

    /// Calls `done` once nothing waits and nothing is in flight. A batch that rests after a failure
    /// is tried at once: somebody waits now, and the trouble may be over.
    package func whenIdle(_ done: @escaping () -> Void) {
        if inFlight == nil && waitingCount == 0 { return done() }
        idleWaiters.append(done)
        guard retry != .none, let batch = inFlight?.batch else { return }
        home.cancel(retry)
        retry = .none
        offer(batch)
    }

    /// Puts an event into the queue. `slot` is released once the observer has taken the event.
    package func add(_ event: FlowEvent, slot: SlotReference? = nil) {
        switch event {
        case .opened(let flow):
            if isOverfull {
                skipped.insert(flow.id)
                return
            }
            append(event, slot)
        case .counted(let flow, _, let moment):
            if skipped.contains(flow.id) { return }
            if let index = latestCounted[flow.id], index >= firstQueued,
                case .counted(_, _, let earlier) = queue[index].event,
                bucket(earlier) == bucket(moment) || isOverfull
            {
                queue[index].event = event
                return
            }
            latestCounted[flow.id] = queue.count
            append(event, slot)
        case .closed(let flow, _, _, _), .recovered(let flow, _, _, _):
            latestCounted[flow.id] = nil
            if skipped.remove(flow.id) != nil {
                drop(slot)
                return
            }
            append(event, slot)
        }
    }

    /// Offers what waits to the observer, if it is not busy.
    package func deliver() {
        guard inFlight == nil, waitingCount > 0 else { return }
        let end = min(queue.count, firstQueued + Limits.eventsPerBatch)
        let items = Array(queue[firstQueued..<end])
        firstQueued = end
        forgetDelivered()
        sequence += 1
        let batch = FlowBatch(sequence: sequence, events: items.map(\.event))
        inFlight = (batch, items.compactMap(\.slot))
        offer(batch)
    }

    private var isOverfull: Bool { waitingCount >= Limits.endedFlowsPerPlugin }

    /// Frees the room of what was delivered, also while an observer that is always behind never
    /// empties the queue.
    private func forgetDelivered() {
        if firstQueued == queue.count {
            queue.removeAll(keepingCapacity: queue.capacity <= Limits.eventsPerBatch)
            latestCounted.removeAll(
                keepingCapacity: latestCounted.capacity <= 2 * Limits.eventsPerBatch)
        } else if firstQueued > queue.count / 2 {
            queue.removeFirst(firstQueued)
            latestCounted = latestCounted.compactMapValues { index in
                index >= firstQueued ? index - firstQueued : nil
            }
        } else {
            return
        }
        firstQueued = 0
    }

    private func append(_ event: FlowEvent, _ slot: SlotReference?) {
        queue.append(Item(event: event, slot: slot))
    }

    private func drop(_ slot: SlotReference?) {
        if slot != nil, deferredFlows < Limits.deferredFlowsPerPlugin {
            if deferredFlows == 0 {
                log(
                    .error,
                    "plugin '\(guid)' stays behind: flows from now on stay in the meter's "
                        + "file and are told to it at the next start")
            }
            // Not taken: the slot stays, and the next start finds it as an ended flow.
            deferredFlows += 1
            return
        }
        if droppedFlows == 0 {
            log(.error, "plugin '\(guid)' stays behind: flows are lost to it from now on")
        }
        droppedFlows += 1
        if let slot { onTaken([slot]) }
    }

    private func bucket(_ milliseconds: Int64) -> Int64 {
        milliseconds / Int64(Limits.usageBucketMilliseconds)
    }

    private func offer(_ batch: FlowBatch) {
        let (home, observer) = (home, observer)
        let box = LoopConfined(self)
        worker.spawn { _ in
            let result: Result<[FlowRuling], any Error>
            do {
                result = .success(try await observer.observe(batch))
            } catch {
                result = .failure(error)
            }
            home.execute { _ in box.value.answered(result) }
        }
    }

    private func answered(_ result: Result<[FlowRuling], any Error>) {
        guard let taken = inFlight else { preconditionFailure("an answer without a question") }
        switch result {
        case .success(let rulings):
            if failures > 0 { log(.info, "plugin '\(guid)' works again") }
            failures = 0
            inFlight = nil
            if !taken.slots.isEmpty { onTaken(taken.slots) }
            if !rulings.isEmpty { onRulings(rulings) }
            deliver()
            if inFlight == nil { tellIdle() }
        case .failure(let error):
            failures += 1
            if failures == 1 || failures % 100 == 0 {
                log(.error, "plugin '\(guid)' failed, its batch is repeated: \(error)")
            }
            let delay = min(30_000, 100 << UInt64(min(failures, 9)))
            retry = home.arm(afterNanoseconds: UInt64(delay) * 1_000_000, self)
        }
    }

    package func timerFired(tag: UInt8) {
        retry = .none
        if let batch = inFlight?.batch { offer(batch) }
    }

    private func tellIdle() {
        let waiters = idleWaiters
        idleWaiters = []
        for waiter in waiters { waiter() }
    }
}

/// A slot of a loop's meter file that waits to be released.
package struct SlotReference: Hashable, Sendable {
    /// The loop.
    package let loop: Int
    /// The slot.
    package let index: UInt32
}
