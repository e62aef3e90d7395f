import Model
import Options

/// Makes the services of one `-L`, as gost does: every key of the query goes into the metadata of
/// handler, listener and service, except those that have a place of their own.
struct ServiceBuilder {
    private var url: ServiceURL
    private let chain: Located<String>?
    private let location: Location

    /// A builder for an argument at `location`; `chain` is what all `-F` make together.
    init(_ url: ServiceURL, chain: Located<String>?, at location: Location) {
        self.url = url
        self.chain = chain
        self.location = location
    }

    /// The services, named from `service-<first>` on, and the objects they need.
    mutating func build(first: Int, into lists: inout CommandLineLists) throws(YAMLFault) {
        guard url.scheme.count <= 2 else {
            throw YAMLFault(
                "a scheme is a handler and a listener at most", at: location,
                hint: "such as socks5+tcp://")
        }
        var (handlerType, listenerType) = types()
        let addresses = try PortRange.expand(url.host)
        let targets = try self.targets()
        if !targets.isEmpty, handlerType.value != "relay" {
            let type = Self.forwarding.contains(listenerType.value) ? listenerType.value : "forward"
            handlerType = Located(type, at: handlerType.location)
        }
        let auth = try url.takeAuth()
        let tls = takeTLS()
        let pinned = url.takeSocketKeys(at: location)
        let selector = url.takeSelector(at: location)
        for (index, address) in addresses.enumerated() {
            var service = MappingBuilder(at: location)
            service.add("name", Located("service-\(first + index)", at: location))
            service.add("addr", address)
            let used = addReferences(to: &service, lists: &lists)
            var handler = MappingBuilder(at: handlerType.location)
            handler.add("type", handlerType)
            handler.add(
                "retries", used.contains("retries") ? url.value(of: "retries") : nil, isPlain: true)
            let isReverse = ["rtcp", "rudp", "runix"].contains(handlerType.value)
            handler.add("chain", isReverse ? nil : chain)
            handler.add("auth", auth)
            handler.add("metadata", metadata(prefix: "handler.", without: used))
            service.add("handler", handler)
            var listener = MappingBuilder(at: listenerType.location)
            listener.add("type", listenerType)
            listener.add("chain", isReverse ? chain : nil)
            listener.add("tls", tls)
            listener.add("metadata", metadata(prefix: "listener."))
            service.add("listener", listener)
            let own =
                addresses.count == 1 || targets.count == 1
                ? targets : Array(targets.dropFirst(index).prefix(1))
            service.add("forwarder", forwarder(own, selector: selector))
            service.add("metadata", metadata(prefix: "service.", pinned: pinned))
            lists.services.append(service.node)
        }
    }

    // MARK: Types

    private static let forwarding = [
        "tcp", "udp", "rtcp", "rudp", "tun", "tap", "dns", "unix", "runix", "serial",
    ]

    /// One word names both handler and listener; where it is only one of them, the other is gost's
    /// default. A word that is neither stays, so that it is refused: gost takes it for `auto`.
    private func types() -> (handler: Located<String>, listener: Located<String>) {
        guard let first = url.scheme.first else {
            return (Located("auto", at: location), Located("tcp", at: location))
        }
        if url.scheme.count == 1, first.value == "https" {
            return (first.map { _ in "http" }, first.map { _ in "tls" })
        }
        guard url.scheme.count == 1 else { return (first, url.scheme[1]) }
        let isHandler = Self.isKnown(first, GostVocabulary.handlers, GostVocabulary.laterHandlers)
        let isListener = Self.isKnown(
            first, GostVocabulary.listeners, GostVocabulary.laterListeners)
        let handler = !isHandler && isListener ? first.map { _ in "auto" } : first
        let listener = isListener ? first : first.map { $0 == "ssu" ? "udp" : "tcp" }
        return (handler, listener)
    }

    private static func isKnown(_ word: Located<String>, _ lists: [String]...) -> Bool {
        lists.contains { $0.contains(word.value) }
    }

    // MARK: Forwarding

    private func targets() throws(YAMLFault) -> [Node] {
        var nodes: [Node] = []
        var start = url.path.location
        for part in url.path.value.split(separator: ",", omittingEmptySubsequences: false) {
            for target in try PortRange.expand(Located(String(part), at: start)) {
                var node = MappingBuilder(at: start)
                node.add("name", Located("target-\(nodes.count)", at: start))
                node.add("addr", target)
                if !part.isEmpty { nodes.append(node.node) }
            }
            start = start.advanced(by: part.unicodeScalars.count + 1)
        }
        return nodes
    }

    private func forwarder(_ nodes: [Node], selector: MappingBuilder) -> Node? {
        guard let first = nodes.first else { return nil }
        var forwarder = MappingBuilder(at: first.location)
        forwarder.add("selector", selector)
        forwarder.add("nodes", nodes)
        return forwarder.node
    }

    // MARK: Metadata

    private func metadata(
        prefix: String, without used: Set<String> = [], pinned: MappingBuilder? = nil
    ) -> MappingBuilder {
        url.metadata(
            prefix: prefix, among: ["handler.", "listener.", "service."], without: used,
            pinned: pinned, at: location)
    }

    private mutating func takeTLS() -> MappingBuilder {
        var tls = MappingBuilder(at: location)
        let files = url.takeTLSFiles()
        guard files.certificate != nil else { return tls }
        tls.add("certFile", files.certificate)
        tls.add("keyFile", files.key)
        tls.add("caFile", files.authority)
        return tls
    }

    // MARK: Objects made on the way

    /// Names the objects that the query asks for, and makes them. The result are the keys that the
    /// handler's metadata no longer has.
    private func addReferences(
        to service: inout MappingBuilder, lists: inout CommandLineLists
    ) -> Set<String> {
        var used: Set<String> = []
        func add(
            _ key: String,
            _ make: (inout CommandLineLists, Located<String>) -> Located<String>
        ) {
            guard let value = url.value(of: key) else { return }
            service.add(key, make(&lists, value))
            used.insert(key)
        }
        add("admission") { $0.addAdmission($1) }
        add("bypass") { $0.addBypass($1) }
        add("resolver") { $0.addResolver($1, prefer: url.value(of: "prefer")) }
        add("hosts") { $0.addHosts($1) }
        used.formUnion(addLimiters(to: &service, lists: &lists))
        add("climiter") { $0.addLimit($1, "climiter", to: \.connectionLimiters) }
        add("rlimiter") { $0.addLimit($1, "rlimiter", to: \.rateLimiters) }
        if url.value(of: "retries") != nil { used.insert("retries") }
        return used
    }

    private func addLimiters(
        to service: inout MappingBuilder, lists: inout CommandLineLists
    ) -> Set<String> {
        var limits: [Node] = []
        var place: Location?
        for (prefix, scope) in [("limiter.", "$"), ("limiter.conn.", "$$")] {
            let (into, out) = (url.value(of: prefix + "in"), url.value(of: prefix + "out"))
            guard let first = into ?? out else { continue }
            place = place ?? first.location
            // What is not said is no limit; left out it would be taken for the other one.
            let text = "\(scope) \(into?.value ?? "0") \(out?.value ?? "0")"
            limits += CommandLineLists.texts([text], at: first.location)
        }
        guard let place else { return [] }
        let name = Located("limiter-\(lists.limiters.count)", at: place)
        var object = MappingBuilder(at: place)
        object.add("name", name)
        object.add("limits", limits)
        lists.limiters.append(object.node)
        service.add("limiter", name)
        return ["limiter.in", "limiter.out", "limiter.conn.in", "limiter.conn.out"]
    }
}
