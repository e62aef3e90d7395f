import Configuration
import Model
import Options
import Rules

extension ServiceOptions {
    /// Which way connections take, where that is not the direct one.
    var routeLines: [String] {
        var lines: [String] = []
        let route = handler.route
        if !route.chains.isEmpty {
            var line = "  chain \(route.chains.map(\.described).joined(separator: " "))"
            if route.chains.count > 1 { line += " \(route.selector.described)" }
            if route.retries > 0 { line += " retries=\(route.retries)" }
            if route.hashesByHost { line += " hash=host" }
            if ignoresChain { line += " ignored" }
            lines.append(line)
        }
        if !egress.described.isEmpty { lines.append(" \(egress.described)") }
        if dialTimeout != .seconds(15) { lines.append("  dialTimeout \(dialTimeout.text)") }
        return lines
    }
}

extension ChainReference {
    fileprivate var described: String { name.value + (matcher?.described ?? "") }
}

extension MatcherOptions {
    fileprivate var described: String { " if \(rule.text) priority=\(priority)" }
}

extension ChainOptions {
    var lines: [String] {
        ["chain \(name.value)\(share.described)"] + hops.flatMap { $0.lines(indented: "  ") }
    }
}

extension HopOptions {
    func lines(indented space: String) -> [String] {
        if isReference { return ["\(space)hop \(name.value) of hops:"] }
        let passed = bypasses.map { " bypass=\($0.value)" }.joined()
        let followed = file.map { " file=\($0.path.value)" } ?? ""
        return ["\(space)hop \(name.value) \(selector.described)\(passed)\(followed)"]
            + nodes.map { "\(space)  \($0.line)" }
    }
}

extension NodeOptions {
    fileprivate var line: String {
        var line = "node \(name) \(address.value) \(connector.type.value)"
        if let login = connector.login { line += " as \(login.username)" }
        if let timeout = connector.timeout { line += " timeout=\(timeout.text)" }
        if connector.datagramForm != .any { line += " relay=\(connector.datagramForm)" }
        if case .http(let fields) = connector.kind {
            for field in fields { line += " \(field.name):\(field.value)" }
        }
        if let resolver { line += " resolver=\(resolver.value)" }
        if let hosts { line += " hosts=\(hosts.value)" }
        for bypass in bypasses { line += " bypass=\(bypass.value)" }
        line += egress.described
        if let proxyProtocol { line += " proxyProtocol=\(proxyProtocol)" }
        return line + (matcher?.described ?? "") + share.described
    }
}

extension EgressOptions {
    var described: String {
        var text = ""
        let ways = choices.map { choice -> String in
            let name =
                switch choice.place {
                case .device(let name): name
                case .address(let address): address.description
                case .ingress: "auto"
                }
            return name + (choice.isStrict ? "!" : "")
        }
        if !ways.isEmpty { text += " interface=\(ways.joined(separator: ","))" }
        if mark != 0 { text += " so_mark=\(mark)" }
        return text
    }
}

extension SelectorOptions {
    var described: String { "\(strategy) maxFails=\(maxFails) failTimeout=\(failTimeout.text)" }
}

extension ShareOptions {
    var described: String {
        var text = ""
        if weight != 1 { text += " weight=\(weight)" }
        if isBackup { text += " backup" }
        if let maxFails { text += " maxFails=\(maxFails)" }
        if let failTimeout { text += " failTimeout=\(failTimeout.text)" }
        return text
    }
}
