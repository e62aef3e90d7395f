package import Limiting
package import Loop
package import Metering
package import Model
import PluginKit
package import Relay

/// All that the services of one loop share: what relays, names, meters and logs.
///
/// ## Concurrency
/// Confined to its loop.
package final class Station {
    /// The loop.
    package let loop: EventLoop
    /// This run of the gateway.
    package let boot: BootID
    /// The loop's open flows.
    package let ledger: Ledger
    /// What stream relays share.
    package let streams: StreamRelay.Context
    /// What datagram relays share.
    package let datagrams: DatagramContext
    /// What limits of the loop's flows share.
    package let shaper: Shaper
    /// Users' sessions, shared with the other loops.
    package let sessions: SessionTable
    /// The node that flow records name; nil for this gateway itself.
    package let node: String?
    /// Calls that block.
    package let pool: BlockingPool
    /// The log.
    package let journal: Journal
    private var handshakes: [ObjectIdentifier: (number: UInt64, waiting: any Cuttable)] = [:]
    private var tracked: UInt64 = 0
    private var isCut = false
    private var clients = 0
    private var associations = 0
    private var settled = 0
    private var retiring: [WeakRetiring] = []
    private var lastExhaustionNanoseconds: UInt64?

    package init(
        loop: EventLoop, boot: BootID, ledger: Ledger, sessions: SessionTable, pool: BlockingPool,
        journal: Journal, node: String? = nil
    ) {
        self.node = node
        self.loop = loop
        self.boot = boot
        self.ledger = ledger
        streams = StreamRelay.Context(
            loop: loop, pipes: PipePool(driver: loop.driver), ledger: ledger)
        datagrams = DatagramContext(loop: loop, ledger: ledger)
        shaper = Shaper(loop: loop)
        self.sessions = sessions
        self.pool = pool
        self.journal = journal
    }

    // MARK: Connections that are not relayed yet

    /// Accepted connections whose handler has not come to its relay, association or first answer.
    package var handshakeCount: Int { max(0, clients - associations - settled) }

    /// A connection was accepted and is served.
    func beginClient(_ socket: StreamSocket) {
        clients += 1
        track(socket)
    }

    /// The handler of an accepted connection is done with it.
    func endClient(_ socket: StreamSocket) {
        clients -= 1
        untrack(socket)
    }

    /// Remembers what a handler waits for, so that it can be cut; after `cutAll` that is at once.
    func track(_ waiting: some Cuttable) {
        tracked += 1
        handshakes[ObjectIdentifier(waiting)] = (tracked, waiting)
        if isCut { waiting.cut() }
    }

    /// Forgets it.
    func untrack(_ waiting: some Cuttable) { handshakes[ObjectIdentifier(waiting)] = nil }

    /// Makes room for an association; false when the loop has as many as it may.
    func takeAssociation() -> Bool {
        guard associations < Limits.associationsPerLoop else { return false }
        associations += 1
        return true
    }

    /// An association is over.
    func giveBackAssociation() { associations -= 1 }

    /// A client has come through and stays for more; false when the loop has as many as it may.
    func settleClient() -> Bool {
        guard settled < Limits.keptClientsPerLoop else { return false }
        settled += 1
        return true
    }

    /// Such a client is gone, or a relay has taken it over.
    func unsettleClient() { settled -= 1 }

    /// Says that accepting rests, at most once in ten seconds.
    func reportExhaustion(listener: Endpoint, reason: String) {
        let now = loop.nowNanoseconds
        if let last = lastExhaustionNanoseconds, now - last < 10_000_000_000 { return }
        lastExhaustionNanoseconds = now
        journal(
            .warn, "accepting rests: the gateway is at a limit",
            [
                ("listener", listener.description), ("reason", reason),
            ])
    }

    /// Asks a plugin on its own thread; a late answer is a failure.
    func ask<Value: Sendable>(
        _ worker: EventLoop, _ question: @escaping @Sendable () async throws -> Value
    ) async -> Answer<Value> {
        await loop.ask(
            worker, withinNanoseconds: UInt64(Limits.pluginAnswerMilliseconds) * 1_000_000,
            question)
    }

    // MARK: Draining

    /// Remembers what keeps connections only in case they are needed again.
    func add(_ keeper: some Retiring) {
        retiring.removeAll { $0.object == nil }
        retiring.append(WeakRetiring(object: keeper))
    }

    /// Nothing new begins: closes connections that only wait for a next request.
    package func retire() {
        for keeper in retiring { keeper.object?.retire() }
    }

    /// Whether nothing is served any more.
    package var isQuiet: Bool { handshakes.isEmpty && ledger.openCount == 0 }

    /// Ends everything that still runs, and whatever handlers begin from now on.
    package func cutAll() {
        isCut = true
        // In the order of their beginning, so that a simulation can be repeated.
        for entry in handshakes.values.sorted(by: { $0.number < $1.number }) {
            entry.waiting.cut()
        }
        let end = FlowEnd(by: .gateway, phase: .relay, cause: .shutdown)
        ledger.forEachOpen { $0.owner?.cut($0, end) }
    }

    /// Releases what is kept for reuse.
    package func close() { streams.close() }
}

/// Something that a handler waits for and that can be ended from outside.
protocol Cuttable: AnyObject {
    /// Whatever waits, now or later, fails.
    func cut()
}

extension StreamSocket: Cuttable {}

/// Something that keeps connections open only in case they are needed again.
protocol Retiring: AnyObject {
    /// Nothing new begins: lets go of what only waits.
    func retire()
}

private struct WeakRetiring {
    weak var object: (any Retiring)?
}
