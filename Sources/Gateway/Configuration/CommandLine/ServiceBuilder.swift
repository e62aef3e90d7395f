import Model
import Options

/// Makes the services of one `-L`, as gost does: every key of the query goes into the metadata of
/// handler, listener and service, except those that have a place of their own.
struct ServiceBuilder {
    private var url: ServiceURL
    private let location: Location

    /// A builder for an argument at `location`.
    init(_ url: ServiceURL, at location: Location) {
        self.url = url
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
        let pinned = takeServiceKeys()
        let selector = takeSelector()
        for (index, address) in addresses.enumerated() {
            var service = MappingBuilder(at: location)
            service.add("name", Located("service-\(first + index)", at: location))
            service.add("addr", address)
            let used = addReferences(to: &service, lists: &lists)
            var handler = MappingBuilder(at: handlerType.location)
            handler.add("type", handlerType)
            handler.add(
                "retries", used.contains("retries") ? url.value(of: "retries") : nil, isPlain: true)
            handler.add("auth", auth)
            handler.add("metadata", metadata(prefix: "handler.", without: used))
            service.add("handler", handler)
            var listener = MappingBuilder(at: listenerType.location)
            listener.add("type", listenerType)
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

    private mutating func takeSelector() -> MappingBuilder {
        let strategy = url.take("strategy")
        let fails = url.take("maxFails", "max_fails")
        let timeout = url.take("failTimeout", "fail_timeout")
        var selector = MappingBuilder(at: location)
        guard strategy != nil || fails != nil || timeout != nil else { return selector }
        selector.add("strategy", strategy ?? Located("round", at: location))
        selector.add("maxFails", fails ?? Located("1", at: location), isPlain: true)
        // The command line's own default is 30 s, and its bare numbers are seconds.
        let text = timeout?.map { Int64($0) == nil ? $0 : $0 + "s" }
        selector.add("failTimeout", text ?? Located("30s", at: location))
        return selector
    }

    // MARK: Metadata

    private func metadata(
        prefix: String, without used: Set<String> = [], pinned: MappingBuilder? = nil
    ) -> MappingBuilder {
        let prefixes = ["handler.", "listener.", "service."]
        var values: [String: Node] = [:]
        for (key, value) in url.query where !used.contains(key.lowercased()) {
            let node = Node(.scalar(value.value, isQuoted: true), at: value.location)
            let lowered = key.lowercased()
            if lowered.hasPrefix(prefix) {
                values[String(key.dropFirst(prefix.count))] = node
            } else if !prefixes.contains(where: { lowered.hasPrefix($0) }), values[key] == nil {
                values[key] = node
            }
        }
        if let pinned, case .mapping(let entries) = pinned.node.value {
            for entry in entries { values[entry.key.text] = entry.value }
        }
        var mapping = MappingBuilder(at: location)
        for key in values.keys.sorted() { mapping.add(key, values[key]) }
        return mapping
    }

    /// Keys that only the service's metadata gets.
    private mutating func takeServiceKeys() -> MappingBuilder {
        var mapping = MappingBuilder(at: location)
        for key in ["interface", "netns", "netns.out"] { mapping.add(key, url.take(key)) }
        for key in ["so_mark", "proxyProtocol"] { mapping.add(key, url.take(key), isPlain: true) }
        return mapping
    }

    private mutating func takeTLS() -> MappingBuilder {
        var tls = MappingBuilder(at: location)
        let certificate = url.take("tls.certFile", "certFile", "cert")
        let key = url.take("tls.keyFile", "keyFile", "key")
        let authority = url.take("tls.caFile", "caFile", "ca")
        guard certificate != nil else { return tls }
        tls.add("certFile", certificate)
        tls.add("keyFile", key)
        tls.add("caFile", authority)
        return tls
    }

    // MARK: Objects made on the way

    /// Names the objects that the query asks for, and makes them. The result are the keys that the
    /// handler's metadata no longer has.
    private func addReferences(
        to service: inout MappingBuilder, lists: inout CommandLineLists
    ) -> Set<String> {
        var used: Set<String> = []
        func name(
            _ key: String, _ list: WritableKeyPath<CommandLineLists, [Node]>,
            _ make: (Located<String>, inout MappingBuilder) -> Void
        ) {
            guard let value = url.value(of: key) else { return }
            let name = Located("\(key)-\(lists[keyPath: list].count)", at: value.location)
            var object = MappingBuilder(at: value.location)
            object.add("name", name)
            make(value, &object)
            lists[keyPath: list].append(object.node)
            service.add(key, name)
            used.insert(key)
        }
        name("admission", \.admissions, Self.addMatchers)
        name("bypass", \.bypasses, Self.addMatchers)
        name("resolver", \.resolvers) { value, object in
            object.add("nameservers", Self.nameServers(value, prefer: url.value(of: "prefer")))
        }
        name("hosts", \.hosts) { value, object in
            object.add("mappings", Self.mappings(value))
        }
        used.formUnion(addLimiters(to: &service, lists: &lists))
        name("climiter", \.connectionLimiters) { value, object in
            object.add("limits", Self.texts(["$ \(value.value)"], at: value.location))
        }
        name("rlimiter", \.rateLimiters) { value, object in
            object.add("limits", Self.texts(["$ \(value.value)"], at: value.location))
        }
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
            limits += Self.texts([text], at: first.location)
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

    private static func texts(_ texts: [String], at location: Location) -> [Node] {
        texts.map { Node(.scalar($0, isQuoted: true), at: location) }
    }

    /// `[~]a,b`: a leading `~` makes a whitelist.
    private static func addMatchers(_ value: Located<String>, to object: inout MappingBuilder) {
        let isWhitelist = value.value.hasPrefix("~")
        if isWhitelist {
            object.add("whitelist", Located("true", at: value.location), isPlain: true)
        }
        let rest = isWhitelist ? value.value.dropFirst() : Substring(value.value)
        object.add(
            "matchers", texts(rest.split(separator: ",").map { String($0) }, at: value.location))
    }

    private static func nameServers(
        _ value: Located<String>, prefer: Located<String>?
    ) -> [Node] {
        value.value.split(separator: ",").map { address in
            var server = MappingBuilder(at: value.location)
            server.add("addr", Located(String(address), at: value.location))
            server.add("prefer", prefer)
            return server.node
        }
    }

    /// `host:ip,…`.
    private static func mappings(_ value: Located<String>) -> [Node] {
        value.value.split(separator: ",").map { pair in
            let name = pair.prefix { $0 != ":" }
            var mapping = MappingBuilder(at: value.location)
            mapping.add("ip", Located(String(pair.dropFirst(name.count + 1)), at: value.location))
            mapping.add("hostname", Located(String(name), at: value.location))
            return mapping.node
        }
    }
}

/// Objects that `-L` arguments make, by list.
struct CommandLineLists {
    var services: [Node] = []
    var admissions: [Node] = []
    var bypasses: [Node] = []
    var resolvers: [Node] = []
    var hosts: [Node] = []
    var limiters: [Node] = []
    var connectionLimiters: [Node] = []
    var rateLimiters: [Node] = []
}
