import Configuration
import HTTPClient
import Inbound
import Loop
import Model
import Options
import RemotePlugins

/// The limiters of a configuration that servers decide: who asks them, and when.
///
/// ## Concurrency
/// Confined to the control loop; limiters are shared with the other loops.
final class RemoteLimits: TimerHandler {
    private var servers: [String: (facts: PluginServer.Facts, server: PluginServer)] = [:]
    private var limiters: [RemoteLimiter.Terms: RemoteLimiter] = [:]
    private var sender: (any HTTPSender)?
    private var timer = TimerToken.none
    private var home: EventLoop?

    /// The limiter that a service or its handler names, the same as before where nothing of it has
    /// changed.
    func source(
        _ reference: LimiterReference, _ options: RemoteLimiterOptions, of service: String,
        _ gateway: Gateway
    ) throws(StartFault) -> RemoteLimiter? {
        guard let plugin = options.plugin else { return nil }
        let name = options.name.value
        let terms = RemoteLimiter.Terms(
            limiter: name, service: service, scopes: Self.scopes(reference),
            refreshNanoseconds: UInt64(reference.refresh.wholeMilliseconds) * 1_000_000,
            cleanupNanoseconds: UInt64(reference.cleanup.wholeMilliseconds) * 1_000_000,
            patienceNanoseconds: UInt64(plugin.timeout.wholeMilliseconds) * 1_000_000)
        let server = try server(gateway.pluginFacts(plugin, kind: "limiter", name: name), gateway)
        if let known = limiters[terms], known.server === server { return known }
        let home = gateway.home
        let limiter = RemoteLimiter(terms, server: server) { limiter, question in
            home.spawn { loop in
                await limiter.refresh(question) { loop.nowNanoseconds }
            }
        }
        limiters[terms] = limiter
        if timer == .none { arm(home) }
        return limiter
    }

    private func server(
        _ facts: PluginServer.Facts, _ gateway: Gateway
    ) throws(StartFault) -> PluginServer {
        if let known = servers[facts.name], known.facts == facts { return known.server }
        do {
            // Servers that hang must not hold up those that logins are asked of.
            let sender = try sender ?? gateway.environment.makeSender()
            self.sender = sender
            let server = gateway.pluginServer(facts, sender: sender)
            servers[facts.name] = (facts, server)
            return server
        } catch {
            throw StartFault("no requests to plugins' servers: \(error)")
        }
    }

    private static func scopes(_ reference: LimiterReference) -> [LimitQuestion.Scope] {
        if reference.isOfHandler { return [.client] }
        switch reference.scope {
        case .all: return [.service, .connection]
        case .service: return [.service]
        case .connections: return [.connection]
        }
    }

    /// Forgets limiters that no service of a configuration names.
    func retain(_ options: GatewayOptions) {
        limiters = limiters.filter { terms, _ in
            options.remoteLimiters.contains { $0.name.value == terms.limiter }
                && options.services.contains { service in
                    service.name.value == terms.service
                        && service.limiters.contains { $0.name.value == terms.limiter }
                }
        }
    }

    /// Asks nobody any more.
    func close() {
        home?.cancel(timer)
        timer = .none
        sender?.stop()
        sender = nil
    }

    func timerFired(tag: UInt8) {
        guard let home else { return }
        arm(home)
        for limiter in limiters.values { limiter.tick(nowNanoseconds: home.nowNanoseconds) }
    }

    private func arm(_ home: EventLoop) {
        self.home = home
        timer = home.arm(afterNanoseconds: 1_000_000_000, self)
    }
}
