import Configuration
import HTTPClient
import Inbound
import Loop
import Metering
import Model
import Options
import PluginKit
import RemotePlugins
import Storage

/// The observers of a configuration: what services and handlers tell, and to whom.
///
/// ## Concurrency
/// Confined to the control loop; couriers live on the keeper's worker.
final class ObserverSet {
    private typealias Channel = ObserverStore.Channel

    /// A channel of the configuration.
    private struct Wanted {
        let channel: Channel
        let observer: String
        let terms: ObserverCourier.Terms
        let hasCounts: Bool
    }

    /// A channel that is served.
    private struct Running {
        let courier: LoopConfined<ObserverCourier>
        let server: PluginServer
        let terms: ObserverCourier.Terms
    }

    private var keeper: ObserverKeeper?
    private var worker: EventLoop?
    private var sender: (any HTTPSender)?
    private var couriers: [Channel: Running] = [:]

    /// Begins to count for the observers that services name, before any flow is told of.
    func prepare(_ gateway: Gateway, _ settlement: Settlement) throws(StartFault) {
        let wanted = Self.wanted(gateway.configuration.loaded.options)
        if wanted.isEmpty, keeper == nil { return }
        do {
            let keeper = try keeper ?? makeKeeper(gateway, settlement)
            try keeper.setChannels(
                Set(wanted.map(\.channel)),
                counting: Set(wanted.filter(\.hasCounts).map(\.channel)))
        } catch {
            throw StartFault("what observers were told cannot be read: \(error)")
        }
    }

    private func makeKeeper(_ gateway: Gateway, _ settlement: Settlement) throws -> ObserverKeeper {
        if gateway.environment.stateDirectory == nil {
            gateway.journal(
                .warn,
                "what observers were not told is lost at the end: there is no state "
                    + "directory")
        }
        let path = gateway.environment.stateDirectory.map { $0 + "/observers.db" }
        let journal = gateway.journal
        let keeper = ObserverKeeper(
            try ObserverStore(
                path: path ?? Database.inMemory, boot: gateway.boot,
                log: { level, line in journal(level, line) }))
        let worker = try gateway.environment.makeLoop(name: "weir-observers", index: -1)
        self.worker = worker
        self.keeper = keeper
        // Servers that hang must not hold up those that logins are asked of.
        sender = try gateway.environment.makeSender()
        settlement.add(everyFlow: keeper, worker: worker)
        return keeper
    }

    /// Serves the channels of the configuration, whose services are open, and says so of new ones.
    func revise(_ gateway: Gateway, _ settlement: Settlement) throws(StartFault) {
        let options = gateway.configuration.loaded.options
        try prepare(gateway, settlement)
        guard let keeper, let worker, let sender else { return }
        var left = couriers
        for wanted in Self.wanted(options) {
            let known = left.removeValue(forKey: wanted.channel)
            guard let server = try server(wanted.observer, options, gateway, sender) else {
                continue
            }
            if let known, known.server === server, known.terms == wanted.terms { continue }
            if let known { worker.execute { _ in known.courier.value.stop() } }
            if known == nil, wanted.channel.kind == .service {
                announce([.running, .ready], wanted.channel, gateway.journal)
            }
            let courier = LoopConfined(
                ObserverCourier(
                    wanted.channel, wanted.terms, loop: worker, keeper: keeper, server: server,
                    journal: gateway.journal))
            worker.execute { _ in courier.value.start() }
            couriers[wanted.channel] = Running(
                courier: courier, server: server, terms: wanted.terms)
        }
        for (channel, running) in left {
            couriers[channel] = nil
            worker.execute { _ in running.courier.value.stop() }
        }
    }

    private func server(
        _ name: String, _ options: GatewayOptions, _ gateway: Gateway, _ sender: any HTTPSender
    ) throws(StartFault) -> PluginServer? {
        guard let plugin = options.observers.first(where: { $0.name.value == name })?.plugin
        else { return nil }
        return gateway.objects.object(.observers, name) {
            gateway.pluginServer(plugin, kind: "observer", name: name, sender: sender)
        }
    }

    private func announce(
        _ states: [ObserverMessage.State], _ channel: Channel, _ journal: Journal
    ) {
        do {
            try keeper?.announce(states, on: channel)
        } catch {
            journal(
                .error, "messages to an observer cannot be stored",
                [("service", channel.service), ("error", "\(error)")])
        }
    }

    /// Tells every server the last there is to tell, as far as there is time; the rest is told
    /// after the next start.
    func close(_ gateway: Gateway) async {
        guard let worker else { return }
        for channel in couriers.keys where channel.kind == .service {
            announce([.closed], channel, gateway.journal)
        }
        let couriers = couriers.values.map(\.courier)
        _ = await gateway.home.ask(
            worker, withinNanoseconds: UInt64(Limits.observerFarewellMilliseconds) * 1_000_000
        ) { await ObserverSet.finish(couriers.map(\.value), on: worker) }
        sender?.stop()
        gateway.environment.endLoop(worker)
        self.worker = nil
        keeper = nil
        self.couriers.removeAll()
    }

    /// All at the same time, so that one that hangs holds up none.
    private static func finish(_ couriers: [ObserverCourier], on loop: EventLoop) async {
        var left = couriers.count
        for courier in couriers {
            loop.start {
                await courier.finish()
                left -= 1
            }
        }
        while left > 0 { await loop.sleep(nanoseconds: 5_000_000) }
    }

    // MARK: The configuration

    private static func wanted(_ options: GatewayOptions) -> [Wanted] {
        options.services.flatMap { service in
            [(service.observer, ObserverMessage.Kind.service), (service.handlerObserver, .handler)]
                .compactMap { reference, kind in
                    reference.map { reference in
                        Wanted(
                            channel: Channel(service: service.name.value, kind: kind),
                            observer: reference.name.value,
                            terms: ObserverCourier.Terms(
                                periodNanoseconds:
                                    UInt64(reference.period.wholeMilliseconds) * 1_000_000,
                                resetsTraffic: reference.resetsTraffic),
                            hasCounts: reference.hasCounts)
                    }
                }
        }
    }
}
