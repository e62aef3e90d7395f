import LinuxIO
package import Loop
package import Model

/// One loop's open flows, and what is to be told about them.
///
/// Once a second, and soon after a flow opened or ended, it hands a report over: one message,
/// not one per flow. Counts are read at the edges of usage buckets, so that a bucket holds what
/// moved in it.
///
/// ## Concurrency
/// Confined to its loop. `onReport` is called on it and must not block; `onVolatile` once, when
/// flows begin to be metered without a place on disk because that is full.
package final class Ledger: TimerHandler {
    private let loop: EventLoop
    private let boot: BootID
    private let onReport: (LedgerReport) -> Void
    private var pool: SlotPool
    private var texts: TextTable
    private var open: FlowMeter?
    private var dirty: [FlowMeter] = []
    private var events: [LedgerEvent] = []
    private var queuedPackets = 0
    private var dropped: [ObjectIdentifier: (service: ServiceInfo, packets: UInt64)] = [:]
    private var soonTimer = TimerToken.none
    private var lastReadMilliseconds: Int64
    private var isRunning = false
    private var hasToldVolatile = false
    private let onVolatile: () -> Void
    private var reported: Set<String> = []
    private(set) var hasReporters = false
    /// Flows open now.
    package private(set) var openCount = 0

    private enum Tag {
        static let interval: UInt8 = 0
        static let soon: UInt8 = 1
    }

    /// A ledger over a loop's meter memory. Nothing is handed over before `start`.
    package init(
        loop: EventLoop, boot: BootID, slots: any ChunkedMemory, texts: any ChunkedMemory,
        onVolatile: @escaping () -> Void = {}, onReport: @escaping (LedgerReport) -> Void
    ) {
        self.loop = loop
        self.boot = boot
        self.onReport = onReport
        self.onVolatile = onVolatile
        pool = SlotPool(memory: slots)
        self.texts = TextTable(memory: texts)
        lastReadMilliseconds = loop.driver.wallMilliseconds()
    }

    /// Begins the hand-over once a second, on whole seconds of the wall clock.
    package func start() {
        isRunning = true
        armInterval()
    }

    /// Hands over what is left and ends the hand-over.
    package func stop() {
        isRunning = false
        loop.cancel(soonTimer)
        handOver()
    }

    // MARK: Flows

    /// Opens a flow: from now on it exists for everybody who watches its service. Nil when not
    /// even plain memory is left for its slot. Set the meter's owner before anything else.
    package func open(_ flow: FlowInfo, service: MeteredService) -> FlowMeter? {
        guard let (index, slot) = pool.take() else { return nil }
        if pool.isVolatile && !hasToldVolatile {
            hasToldVolatile = true
            onVolatile()
        }
        slot.open(flow, texts: &texts)
        let isReported =
            !service.info.guids.isEmpty && (flow.transport == .udp || service.reportsTCP)
        let meter = FlowMeter(
            flow: flow, slot: slot, slotIndex: index, isReported: isReported, ledger: self)
        meter.next = open
        open?.previous = meter
        open = meter
        openCount += 1
        tell(.opened(flow))
        return meter
    }

    /// Ends a flow with its totals. Exactly once per meter.
    package func close(_ meter: FlowMeter, _ end: FlowEnd) {
        precondition(!meter.isClosed, "a flow was closed twice")
        meter.isClosed = true
        meter.owner = nil
        let now = loop.driver.wallMilliseconds()
        meter.slot.close(end, atMilliseconds: now)
        if let previous = meter.previous { previous.next = meter.next } else { open = meter.next }
        meter.next?.previous = meter.previous
        meter.next = nil
        meter.previous = nil
        openCount -= 1
        tell(.closed(meter.flow, meter.counts, end, atMilliseconds: now, slot: meter.slotIndex))
    }

    /// Frees slots of ended flows that everybody has stored.
    package func release(_ slots: [UInt32]) {
        for index in slots { pool.giveBack(index) }
    }

    /// Ends every open flow that is in the set.
    package func cut(_ flows: Set<FlowID>, _ end: FlowEnd) {
        forEachOpen { meter in
            if flows.contains(meter.flow.id) { meter.owner?.cut(meter, end) }
        }
    }

    /// Calls `body` with every open flow; flows may end meanwhile.
    package func forEachOpen(_ body: (FlowMeter) -> Void) {
        var meters: [FlowMeter] = []
        meters.reserveCapacity(openCount)
        var next = open
        while let meter = next {
            meters.append(meter)
            next = meter.next
        }
        for meter in meters where !meter.isClosed { body(meter) }
    }

    // MARK: Counting

    /// Which GUIDs have a legacy reporter; told by the settlement. Other services' packets are not
    /// queued, so that they take no room from those that somebody hears.
    package func setReported(_ guids: Set<String>) {
        reported = guids
        hasReporters = !guids.isEmpty
    }

    func markDirty(_ meter: FlowMeter) {
        meter.isDirty = true
        dirty.append(meter)
    }

    func report(_ meter: FlowMeter, _ direction: Direction, bytes: Int, packets: Int) {
        guard meter.flow.origin.guids.contains(where: { reported.contains($0) }) else { return }
        guard bytes > 0 else { return }
        guard queuedPackets + packets <= Limits.packetsPerReporter else {
            let origin = meter.flow.origin
            dropped[ObjectIdentifier(origin), default: (origin, 0)].packets &+= UInt64(packets)
            return
        }
        queuedPackets += packets
        tell(.packets(meter.flow, direction, byteCount: bytes / packets, count: packets))
    }

    // MARK: Handing over

    /// Reads the counts of busy flows and hands everything over now.
    package func settle() {
        readBusyFlows()
        handOver()
    }

    package func timerFired(tag: UInt8) {
        if tag == Tag.interval {
            settle()
            if isRunning { armInterval() }
        } else {
            soonTimer = .none
            handOver()
        }
    }

    private func armInterval() {
        let interval = Int64(Limits.ledgerIntervalMilliseconds)
        let past = loop.driver.wallMilliseconds() % interval
        _ = loop.arm(
            afterNanoseconds: UInt64(max(1, interval - past)) * 1_000_000, self, tag: Tag.interval)
    }

    private func tell(_ event: LedgerEvent) {
        events.append(event)
        if soonTimer == .none {
            soonTimer = loop.arm(
                afterNanoseconds: UInt64(Limits.ledgerDelayMilliseconds) * 1_000_000, self,
                tag: Tag.soon)
        }
    }

    /// The moment that counts read now belong to: now, or the last moment of the bucket that
    /// ended since they were read last.
    private func readingMilliseconds() -> Int64 {
        let now = loop.driver.wallMilliseconds()
        defer { lastReadMilliseconds = now }
        let bucket = Int64(Limits.usageBucketMilliseconds)
        let edge = now - now % bucket
        return lastReadMilliseconds < edge ? edge - 1 : now
    }

    private func readBusyFlows() {
        let moment = readingMilliseconds()
        if !dirty.isEmpty {
            pool.startWriteBack()
            texts.startWriteBack()
        }
        for meter in dirty {
            meter.isDirty = false
            guard !meter.isClosed else { continue }
            meter.slot.touch(atMilliseconds: moment)
            events.append(.counted(meter.flow, meter.counts, atMilliseconds: moment))
        }
        dirty.removeAll(keepingCapacity: true)
    }

    private func handOver() {
        loop.cancel(soonTimer)
        soonTimer = .none
        guard !events.isEmpty || !dropped.isEmpty else { return }
        let report = LedgerReport(
            loop: loop.index, events: events, dropped: Array(dropped.values))
        events = []
        queuedPackets = 0
        dropped.removeAll()
        onReport(report)
    }
}
