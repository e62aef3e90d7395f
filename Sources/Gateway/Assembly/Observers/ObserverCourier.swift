import Inbound
import Loop
import Model
import PluginKit
import RemotePlugins

/// Brings a channel's messages to its server: in order, one at a time, each until it is taken.
///
/// What has changed is told once a period. A message that was not taken waits for the next one, and
/// everything newer behind it.
///
/// ## Concurrency
/// Confined to the keeper's worker.
final class ObserverCourier: TimerHandler {
    /// How a channel is served.
    struct Terms: Equatable {
        let periodNanoseconds: UInt64
        /// Whether input and output are what was moved since the message before.
        let resetsTraffic: Bool
    }

    private let loop: EventLoop
    private let keeper: ObserverKeeper
    private let server: PluginServer
    private let channel: ObserverStore.Channel
    private let terms: Terms
    private let journal: Journal
    private var timer = TimerToken.none
    private var isUnderWay = false
    /// What came up while a message was on its way; whether counts are due as well.
    private var next: Bool?
    private var isStopped = false
    private var hasFailed = false

    init(
        _ channel: ObserverStore.Channel, _ terms: Terms, loop: EventLoop, keeper: ObserverKeeper,
        server: PluginServer, journal: Journal
    ) {
        self.channel = channel
        self.terms = terms
        self.loop = loop
        self.keeper = keeper
        self.server = server
        self.journal = journal
    }

    /// Begins: what waits goes at once, what changes from the next period on.
    func start() {
        arm()
        loop.start { await self.deliver(isDue: false) }
    }

    /// Tells at once what waits, but for counts.
    func wake() {
        guard !isStopped else { return }
        loop.start { await self.deliver(isDue: false) }
    }

    /// Tells the last there is to tell, once, and nothing any more.
    func finish() async {
        stop()
        while isUnderWay { await loop.sleep(nanoseconds: 5_000_000) }
        await deliverAll(isDue: true)
    }

    /// Tells nothing any more.
    func stop() {
        isStopped = true
        loop.cancel(timer)
    }

    func timerFired(tag: UInt8) {
        arm()
        loop.start { await self.deliver(isDue: true) }
    }

    private func arm() {
        timer = loop.arm(afterNanoseconds: terms.periodNanoseconds, self)
    }

    private func deliver(isDue: Bool) async {
        next = isDue || next == true
        if isUnderWay { return }
        isUnderWay = true
        while let isDue = next, !isStopped {
            next = nil
            await deliverAll(isDue: isDue)
        }
        isUnderWay = false
    }

    private func deliverAll(isDue: Bool) async {
        do {
            while let parcel = try keeper.parcel(
                for: channel, resetsTraffic: terms.resetsTraffic, isDue: isDue)
            {
                guard await server.tell(parcel.message) else { return }
                try keeper.taken(parcel.id)
                hasFailed = false
                if parcel.isLast { return }
            }
        } catch {
            if !hasFailed {
                journal(
                    .error, "messages to an observer cannot be stored",
                    [("service", channel.service), ("error", "\(error)")])
            }
            hasFailed = true
        }
    }
}
