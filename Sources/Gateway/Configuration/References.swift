import Model
import Options
import Rules

/// What must hold between the parts of a configuration: names lead somewhere and are unique,
/// addresses are listened on once, and example passwords stay at home.
struct References {
    let options: GatewayOptions
    private(set) var diagnostics: [Diagnostic] = []

    /// Checks all of it.
    static func check(_ options: GatewayOptions) -> [Diagnostic] {
        var references = References(options: options)
        references.checkUniqueness()
        references.checkNames()
        references.checkChains()
        references.checkResolverChains()
        references.checkPlugins()
        references.checkAddresses()
        references.checkOpenness()
        references.checkControlPasswords()
        return references.diagnostics
    }

    private init(options: GatewayOptions) {
        self.options = options
    }

    // MARK: Names

    private mutating func checkUniqueness() {
        unique(options.services.map(\.name), kind: "service")
        unique(options.authers.map(\.name), kind: "auther")
        unique(options.admissions.map(\.name), kind: "admission")
        unique(options.bypasses.map(\.name), kind: "bypass")
        unique(options.chains.map(\.name), kind: "chain")
        unique(options.hops.map(\.name), kind: "hop")
        unique(options.hosts.map(\.name), kind: "list of hosts")
        unique(options.resolvers.map(\.name), kind: "resolver")
        unique(
            options.limiters.map(\.name) + options.remoteLimiters.map(\.name), kind: "limiter")
        unique(options.connectionLimiters.map(\.name), kind: "climiter")
        unique(options.arrivalLimiters.map(\.name), kind: "rlimiter")
        unique(options.quotas.map(\.name), kind: "quota")
        unique(options.observers.map(\.name), kind: "observer")
    }

    private mutating func unique(_ names: [Located<String>], kind: String) {
        var places: [String: Location] = [:]
        for name in names where !name.value.isEmpty {
            guard let first = places[name.value] else {
                places[name.value] = name.location
                continue
            }
            error(
                "there are two \(kind)\(kind.hasSuffix("s") ? "es" : "s") '\(name.value)'",
                at: name.location,
                hint: "first at \(first)")
        }
    }

    private mutating func checkNames() {
        let authers = Set(options.authers.map(\.name.value))
        let guids = Set(options.plugins.map(\.guid.value))
        let used =
            options.services.flatMap { service in service.handler.authers.map { $0 } }
            + options.control.compactMap(\.auther)
        for name in used where !authers.contains(name.value) && !guids.contains(name.value) {
            error(
                "there is no auther '\(name.value)'", at: name.location,
                hint: Suggestion.hint(for: name.value, among: authers.sorted() + guids.sorted())
                    ?? "it is a name under authers: or the GUID of a plugin")
        }
        unused(options.authers.map(\.name), used, kind: "auther")

        let nodes = options.nodes
        let resolvers = options.services.compactMap(\.resolver) + nodes.compactMap(\.resolver)
        missing(resolvers, among: options.resolvers.map(\.name), kind: "resolver", key: "resolvers")
        unused(options.resolvers.map(\.name), resolvers, kind: "resolver")

        let hosts = options.services.compactMap(\.hosts) + nodes.compactMap(\.hosts)
        missing(hosts, among: options.hosts.map(\.name), kind: "list of hosts", key: "hosts")
        unused(options.hosts.map(\.name), hosts, kind: "list of hosts")

        let limiters = options.services.flatMap(\.limiters).map(\.name)
        let limiting = options.limiters.map(\.name) + options.remoteLimiters.map(\.name)
        missing(limiters, among: limiting, kind: "limiter", key: "limiters")
        unused(limiting, limiters, kind: "limiter")
        checkLimiters()

        let counts = options.services.compactMap(\.connectionLimiter)
        let counting = options.connectionLimiters.map(\.name)
        missing(counts, among: counting, kind: "climiter", key: "climiters")
        unused(counting, counts, kind: "climiter")

        let arrivals = options.services.compactMap(\.arrivalLimiter)
        let arriving = options.arrivalLimiters.map(\.name)
        missing(arrivals, among: arriving, kind: "rlimiter", key: "rlimiters")
        unused(arriving, arrivals, kind: "rlimiter")

        let admissions = options.services.flatMap(\.admissions)
        missing(
            admissions, among: options.admissions.map(\.name), kind: "admission",
            key: "admissions")
        unused(options.admissions.map(\.name), admissions, kind: "admission")

        let bypasses =
            options.services.flatMap(\.bypasses) + options.allHops.flatMap(\.bypasses)
            + nodes.flatMap(\.bypasses)
        missing(bypasses, among: options.bypasses.map(\.name), kind: "bypass", key: "bypasses")
        unused(options.bypasses.map(\.name), bypasses, kind: "bypass")

        let quotas = options.services.flatMap(\.quotas)
        missing(quotas, among: options.quotas.map(\.name), kind: "quota", key: "quotas")
        unused(options.quotas.map(\.name), quotas, kind: "quota")

        let observers = options.services.flatMap { [$0.observer, $0.handlerObserver] }
            .compactMap { $0?.name }
        missing(observers, among: options.observers.map(\.name), kind: "observer", key: "observers")
        unused(options.observers.map(\.name), observers, kind: "observer")
    }

    /// What means nothing for limiters with lines of their own.
    private mutating func checkLimiters() {
        let lists = Set(options.limiters.map(\.name.value))
        for service in options.services {
            let references = service.limiters.filter { lists.contains($0.name.value) }
            if references.count == 2, references[0].name.value == references[1].name.value {
                warn(
                    "the limiter '\(references[0].name.value)' is named twice and counts once",
                    at: references[1].name.location)
            }
            for reference in references {
                guard let place = reference.intervalLocation else { continue }
                warn(
                    "nobody is asked for the limits of '\(reference.name.value)', so this has no"
                        + " effect", at: place)
            }
        }
    }

    private mutating func checkChains() {
        let used =
            options.services.flatMap(\.handler.route.chains).map(\.name)
            + options.resolvers.flatMap(\.servers).compactMap(\.chain)
        missing(used, among: options.chains.map(\.name), kind: "chain", key: "chains")
        unused(options.chains.map(\.name), used, kind: "chain")
        let references = options.chains.flatMap(\.hops).filter(\.isReference).map(\.name)
        missing(references, among: options.hops.map(\.name), kind: "hop", key: "hops")
        let forwarders = options.services.compactMap { $0.forwarder?.hop }
        missing(forwarders, among: options.hops.map(\.name), kind: "hop", key: "hops")
        unused(
            options.hops.map(\.name), references + forwarders, kind: "hop",
            by: "chain and no forwarder")
        checkForwarderHops()
        checkDatagramChains()
        for chain in options.chains {
            for hop in chain.hops.dropLast() {
                for node in options.hop(hop)?.nodes ?? [] where node.connector.isPassThrough {
                    error(
                        "the connector '\(node.connector.type.value)' speaks to nobody behind"
                            + " its node: it can only stand in the last hop of a chain",
                        at: node.connector.type.location,
                        hint: "further hops follow in the chain '\(chain.name.value)'")
                }
            }
        }
    }

    /// A forwarder takes addresses of a hop's nodes and whom they are for; the rest is for chains.
    private mutating func checkForwarderHops() {
        for service in options.services {
            guard let name = service.forwarder?.hop,
                let hop = options.hops.first(where: { $0.name.value == name.value })
            else { continue }
            let isForChains =
                !hop.bypasses.isEmpty
                || hop.nodes.contains { node in
                    !node.bypasses.isEmpty || node.egress != .anywhere
                        || node.proxyProtocol != nil || node.resolver != nil || node.hosts != nil
                }
            if isForChains {
                warn(
                    "bypasses, ways out, PROXY headers and resolvers of the hop '\(name.value)' are"
                        + " for chains: a forwarder takes its nodes' addresses and rules",
                    at: name.location)
            }
            if hop.file?.reload != nil {
                error(
                    "a forwarder does not follow the file of the hop '\(name.value)'",
                    at: name.location, hint: "leave its 'reload' out")
            }
            for node in hop.nodes {
                guard let rule = node.matcher?.rule else { continue }
                if rule.asksForDestination || service.listener.transport == .udp {
                    error(
                        service.listener.transport == .udp
                            ? "rules of nodes do not decide about datagrams yet"
                            : "a rule of the hop '\(name.value)' asks where a client wants to go,"
                                + " which a forwarder's client does not say",
                        at: name.location)
                    break
                }
            }
        }
    }

    /// A resolver must not need a chain that needs the resolver.
    private mutating func checkResolverChains() {
        for resolver in options.resolvers {
            for chain in resolver.servers.compactMap(\.chain) {
                var (waiting, seen) = ([chain.value], Set<String>())
                while let next = waiting.popLast() {
                    guard seen.insert(next).inserted else { continue }
                    let needed = resolversOfNodes(inChain: next)
                    if needed.contains(resolver.name.value) {
                        error(
                            "the chain '\(chain.value)' finds its nodes by the resolver"
                                + " '\(resolver.name.value)', which would ask through it",
                            at: chain.location, hint: "give those nodes another resolver")
                        break
                    }
                    waiting += options.resolvers.filter { needed.contains($0.name.value) }
                        .flatMap(\.servers).compactMap(\.chain?.value)
                }
            }
        }
    }

    private func resolversOfNodes(inChain name: String) -> Set<String> {
        let hops = options.chains.first { $0.name.value == name }?.hops ?? []
        let nodes = hops.compactMap { options.hop($0) }.flatMap(\.nodes)
        return Set(nodes.filter { $0.address.value.name != nil }.compactMap(\.resolver?.value))
    }

    private mutating func missing(
        _ used: [Located<String>], among known: [Located<String>], kind: String, key: String
    ) {
        let names = known.map(\.value)
        for name in used where !names.contains(name.value) {
            error(
                "there is no \(kind) '\(name.value)'", at: name.location,
                hint: Suggestion.hint(for: name.value, among: names)
                    ?? "it is a name under \(key):")
        }
    }

    private mutating func unused(
        _ known: [Located<String>], _ used: [Located<String>], kind: String,
        by user: String = "service"
    ) {
        let names = Set(used.map(\.value))
        for name in known where !name.value.isEmpty && !names.contains(name.value) {
            warn("no \(user) uses the \(kind) '\(name.value)'", at: name.location)
        }
    }

    private mutating func checkPlugins() {
        var places: [[String]: Location] = [:]
        let named =
            options.services.flatMap { service in
                service.handler.statistics.guids + service.handler.authers
            } + options.control.compactMap(\.auther)
        let used = Set(named.map(\.value))
        for plugin in options.plugins {
            let identity = [plugin.guid.value, plugin.type.value]
            if let first = places[identity] {
                error(
                    "there are two plugins '\(plugin.type.value)' under the GUID"
                        + " '\(plugin.guid.value)'",
                    at: plugin.guid.location, hint: "first at \(first)")
                continue
            }
            places[identity] = plugin.guid.location
            if !used.contains(plugin.guid.value) {
                warn(
                    "no handler names the plugin '\(plugin.guid.value)', so it sees no flow",
                    at: plugin.guid.location,
                    hint: "statsGUID in a handler's metadata, or auther:, names it")
            }
        }
    }

    // MARK: Addresses

    private mutating func checkAddresses() {
        var listening: [UInt16: [ServiceOptions]] = [:]
        for service in options.services where service.address.value.port != 0 {
            let sharing = listening[service.address.value.port] ?? []
            listening[service.address.value.port] = sharing + [service]
            let earlier = sharing.first { other in
                other.listener.transport == service.listener.transport
                    && Self.overlap(other.address.value, service.address.value)
            }
            guard let earlier else { continue }
            error(
                "the service '\(earlier.name.value)' listens on \(earlier.address.value) already",
                at: service.address.location, hint: "at \(earlier.address.location)")
        }
        checkControlAddresses()
    }

    private mutating func checkControlAddresses() {
        var taken = options.services.filter { $0.listener.transport == .tcp }.map {
            (name: "the service '\($0.name.value)'", address: $0.address)
        }
        for part in options.control {
            guard let endpoint = part.endpoint, endpoint.port != 0 else { continue }
            if let earlier = taken.first(where: { Self.overlap($0.address.value, endpoint) }) {
                error(
                    "\(earlier.name) listens on \(earlier.address.value) already",
                    at: part.address.location, hint: "at \(earlier.address.location)")
            }
            taken.append(
                (name: "'\(part.part.rawValue)'", address: part.address.map { _ in endpoint }))
        }
    }

    /// Whether both cannot be bound: `::` takes every address, `0.0.0.0` every IPv4 address.
    private static func overlap(_ one: Endpoint, _ other: Endpoint) -> Bool {
        guard one.port == other.port else { return false }
        return one.address == other.address || one.address == .anyV6 || other.address == .anyV6
            || (one.address == .anyV4 && other.address.isV4)
            || (other.address == .anyV4 && one.address.isV4)
    }

    // MARK: Who gets in

    /// Passwords that stand in the files that come with the gateway, hashed ones included.
    private static let examplePasswords: Set<String> = [
        "secret", "of-plugins",
        "$scrypt$ln=15,r=8,p=1$CekUHaB5XAWuu3VYd0tvJQ$GYsb0Z66GC15FojsLX1HDZDJS8bHOoqSKo1aqeGAenk",
    ]

    private mutating func checkOpenness() {
        for service in options.services where !service.address.value.address.isLoopback {
            var credentials = service.handler.credential.map { [$0] } ?? []
            for name in service.handler.authers {
                let auther = options.authers.first { $0.name.value == name.value }
                credentials += auther?.users ?? []
            }
            for credential in credentials
            where Self.examplePasswords.contains(credential.password.value) {
                error(
                    "this password stands in the examples, and the service"
                        + " '\(service.name.value)' listens on \(service.address.value)",
                    at: credential.password.location,
                    hint: "choose another one, or listen on 127.0.0.1")
            }
            if GostVocabulary.handlers.contains(service.handler.type.value),
                service.handler.goesAnywhere, service.handler.isOpen
            {
                warn(
                    "the service '\(service.name.value)' lets everyone in who reaches"
                        + " \(service.address.value)",
                    at: service.name.location, hint: "name users with auther:")
            }
        }
    }

    private mutating func checkControlPasswords() {
        for part in options.control {
            guard let endpoint = part.endpoint, !endpoint.address.isLoopback else { continue }
            let auther = options.authers.first { $0.name.value == part.auther?.value }
            let credentials = auther?.users ?? part.credential.map { [$0] } ?? []
            for credential in credentials
            where Self.examplePasswords.contains(credential.password.value) {
                error(
                    "this password stands in the examples, and '\(part.part.rawValue)' listens on"
                        + " \(endpoint)",
                    at: credential.password.location,
                    hint: "choose another one, or listen on 127.0.0.1")
            }
        }
    }

    // MARK: Findings

    private mutating func error(_ message: String, at location: Location, hint: String? = nil) {
        diagnostics.append(Diagnostic(.error, at: location, message, hint: hint))
    }

    mutating func warn(_ message: String, at location: Location, hint: String? = nil) {
        diagnostics.append(Diagnostic(.warning, at: location, message, hint: hint))
    }
}
