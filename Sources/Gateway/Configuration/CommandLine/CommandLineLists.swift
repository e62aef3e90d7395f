import Options

/// Objects that `-L` and `-F` make, by list. Each is named by its kind and its number.
struct CommandLineLists {
    var services: [Node] = []
    var chains: [Node] = []
    var admissions: [Node] = []
    var bypasses: [Node] = []
    var resolvers: [Node] = []
    var hosts: [Node] = []
    var limiters: [Node] = []
    var connectionLimiters: [Node] = []
    var rateLimiters: [Node] = []

    /// `[~]a,b`: who may connect, or with `~` who may not.
    mutating func addAdmission(_ value: Located<String>) -> Located<String> {
        add("admission", to: \.admissions, value) { Self.addMatchers(value, to: &$0) }
    }

    /// `[~]a,b`: what goes past, or with `~` all that does not.
    mutating func addBypass(_ value: Located<String>) -> Located<String> {
        add("bypass", to: \.bypasses, value) { Self.addMatchers(value, to: &$0) }
    }

    /// `a,b`: name servers.
    mutating func addResolver(
        _ value: Located<String>, prefer: Located<String>?
    ) -> Located<String> {
        add("resolver", to: \.resolvers, value) {
            $0.add("nameservers", Self.nameServers(value, prefer: prefer))
        }
    }

    /// `host:ip,…`: fixed names.
    mutating func addHosts(_ value: Located<String>) -> Located<String> {
        add("hosts", to: \.hosts, value) { $0.add("mappings", Self.mappings(value)) }
    }

    /// A limit of the whole service.
    mutating func addLimit(
        _ value: Located<String>, _ kind: String, to list: WritableKeyPath<Self, [Node]>
    ) -> Located<String> {
        add(kind, to: list, value) {
            $0.add("limits", Self.texts(["$ \(value.value)"], at: value.location))
        }
    }

    private mutating func add(
        _ kind: String, to list: WritableKeyPath<Self, [Node]>, _ value: Located<String>,
        _ make: (inout MappingBuilder) -> Void
    ) -> Located<String> {
        let name = Located("\(kind)-\(self[keyPath: list].count)", at: value.location)
        var object = MappingBuilder(at: value.location)
        object.add("name", name)
        make(&object)
        self[keyPath: list].append(object.node)
        return name
    }

    /// Quoted texts.
    static func texts(_ texts: [String], at location: Location) -> [Node] {
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
