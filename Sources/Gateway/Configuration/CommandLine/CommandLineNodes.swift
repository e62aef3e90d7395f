import Options

/// What `-L`, `-F`, `-api`, `-metrics` and `-D` say, as the values that a file would have.
struct CommandLineNodes {
    /// The values; nil if the command line says nothing.
    private(set) var node: Node?
    /// The level that `-D` asks for. It changes a file's `log:` instead of replacing it.
    private(set) var logLevel: Node?
    private(set) var sources: [SourceText] = []
    private(set) var diagnostics: [Diagnostic] = []

    /// Reads the arguments. Each option is a file of its own for diagnostics, each of its uses a
    /// line.
    init(_ request: ConfigurationRequest) {
        let start = Location(file: "-L", line: 1, column: 1)
        var lists = CommandLineLists()
        let chain = addChain(request.nodes, to: &lists)
        for (index, text) in request.services.enumerated() {
            let place = Location(file: "-L", line: index + 1, column: 1)
            attempt { () throws(YAMLFault) in
                try Self.addService(text, chain: chain, at: place, to: &lists)
            }
        }
        var root = MappingBuilder(at: start)
        root.add("services", lists.services)
        root.add("chains", lists.chains)
        root.add("admissions", lists.admissions)
        root.add("bypasses", lists.bypasses)
        root.add("resolvers", lists.resolvers)
        root.add("hosts", lists.hosts)
        root.add("limiters", lists.limiters)
        root.add("climiters", lists.connectionLimiters)
        root.add("rlimiters", lists.rateLimiters)
        root.add("api", endpoint(request.api, option: "-api", plain: "accesslog", "pathPrefix"))
        root.add("metrics", endpoint(request.metrics, option: "-metrics", plain: nil, "path"))
        node = root.isEmpty ? nil : root.node
        if request.debugLevel > 0 {
            let place = Location(file: "-D", line: 1, column: 1)
            let level = request.debugLevel == 1 ? "debug" : "trace"
            logLevel = Node(.scalar(level, isQuoted: true), at: place)
        }
        addSource("-L", request.services)
        addSource("-F", request.nodes)
        addSource("-api", request.api.map { [$0] } ?? [])
        addSource("-metrics", request.metrics.map { [$0] } ?? [])
    }

    /// Makes one chain of all `-F`, a hop each, and returns its name; nil without any.
    private mutating func addChain(
        _ nodes: [String], to lists: inout CommandLineLists
    ) -> Located<String>? {
        guard !nodes.isEmpty else { return nil }
        let start = Location(file: "-F", line: 1, column: 1)
        let name = Located("chain-0", at: start)
        var hops: [Node] = []
        for (index, text) in nodes.enumerated() {
            let place = Location(file: "-F", line: index + 1, column: 1)
            attempt { () throws(YAMLFault) in
                guard !text.isEmpty else {
                    throw YAMLFault(
                        "an address is missing", at: place, hint: "such as socks5://192.0.2.1:1080")
                }
                var builder = HopBuilder(try ServiceURL(text, at: place), at: place)
                hops.append(try builder.build(number: index, into: &lists))
            }
        }
        // What could not be read is reported already; a chain without it would be another one.
        guard hops.count == nodes.count else { return nil }
        var chain = MappingBuilder(at: start)
        chain.add("name", name)
        chain.add("hops", hops)
        lists.chains.append(chain.node)
        return name
    }

    private static func addService(
        _ text: String, chain: Located<String>?, at place: Location,
        to lists: inout CommandLineLists
    ) throws(YAMLFault) {
        let url = try ServiceURL(text, at: place)
        guard !text.isEmpty else {
            throw YAMLFault(
                "an address is missing", at: place, hint: "such as socks5://127.0.0.1:1080")
        }
        var builder = ServiceBuilder(url, chain: chain, at: place)
        try builder.build(first: lists.services.count, into: &lists)
    }

    /// `[user:password@]host:port[?key=value…]` of `-api` and `-metrics`.
    private mutating func endpoint(
        _ text: String?, option: String, plain: String?, _ key: String
    ) -> Node? {
        guard let text else { return nil }
        let place = Location(file: option, line: 1, column: 1)
        var found: Node?
        attempt { () throws(YAMLFault) in
            var url = try ServiceURL(text, at: place)
            let auth = try url.takeAuth()
            var mapping = MappingBuilder(at: place)
            let isPath = url.scheme.first?.value == "unix"
            mapping.add(
                "addr", isPath ? url.path.map { "unix:///" + $0 } : url.host)
            mapping.add(key, url.take(key))
            if let plain { mapping.add(plain, url.take(plain), isPlain: true) }
            mapping.add("auth", auth)
            found = mapping.node
        }
        return found
    }

    private mutating func attempt(_ body: () throws(YAMLFault) -> Void) {
        do throws(YAMLFault) {
            try body()
        } catch {
            diagnostics.append(error.diagnostic)
        }
    }

    private mutating func addSource(_ option: String, _ arguments: [String]) {
        guard !arguments.isEmpty else { return }
        let lines = arguments.map { argument in
            String(String.UnicodeScalarView(argument.unicodeScalars.map { $0 == "\n" ? " " : $0 }))
        }
        sources.append(SourceText(file: option, bytes: Array(lines.joined(separator: "\n").utf8)))
    }
}
