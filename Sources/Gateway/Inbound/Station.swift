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
    /// Users' sessions, shared with the other loops.
    package let sessions: SessionTable
    /// The node that flow records name; nil for this gateway itself.
    package let node: String?
    /// Calls that block.
    package let pool: BlockingPool
    /// The log.
    package let journal: Journal
    private var handshakes: [ObjectIdentifier: StreamSocket] = [:]
    private var associations = 0
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
        self.sessions = sessions
        self.pool = pool
        self.journal = journal
    }

    // MARK: Connections that are not relayed yet

    /// Connections whose handler has not handed them to a relay, associations included.
    package var handshakeCount: Int { handshakes.count }

    /// Remembers a stream, so that it can be cut.
    func track(_ socket: StreamSocket) { handshakes[ObjectIdentifier(socket)] = socket }

    /// Forgets a stream.
    func untrack(_ socket: StreamSocket) { handshakes[ObjectIdentifier(socket)] = nil }

    /// Makes room for an association; false when the loop has as many as it may.
    func takeAssociation() -> Bool {
        guard associations < Limits.associationsPerLoop else { return false }
        associations += 1
        return true
    }

    /// An association is over.
    func giveBackAssociation() { associations -= 1 }

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

    /// Whether nothing is served any more.
    package var isQuiet: Bool { handshakes.isEmpty && ledger.openCount == 0 }

    /// Ends everything that still runs.
    package func cutAll() {
        for socket in Array(handshakes.values) { socket.cut() }
        let end = FlowEnd(by: .gateway, phase: .relay, cause: .shutdown)
        ledger.forEachOpen { $0.owner?.cut($0, end) }
    }

    /// Releases what is kept for reuse.
    package func close() { streams.close() }
}
