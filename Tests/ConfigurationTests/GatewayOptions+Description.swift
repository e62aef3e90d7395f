import Configuration
import Model
import Options

extension GatewayOptions {
    /// The options as text, for golden files: what differs from a default, one part in a line.
    var described: String {
        var lines = services.flatMap(\.lines)
        for chain in chains { lines += chain.lines }
        for hop in hops { lines += hop.lines(indented: "") }
        for auther in authers {
            let users = auther.users.map {
                "\($0.username.value)\($0.hash != nil ? " (hashed)" : "")"
            }
            lines.append(
                "auther \(auther.name.value): \(users.joined(separator: ", "))"
                    + (auther.file?.described ?? "") + (auther.plugin?.described ?? ""))
        }
        for list in admissions {
            lines.append("admission \(list.name.value)\(list.isWhitelist ? " whitelist" : "")")
            lines += list.clients.lines
        }
        for list in bypasses {
            var line = "bypass \(list.name.value)\(list.isWhitelist ? " whitelist" : "")"
            if let transport = list.transport { line += " \(transport.name)" }
            lines.append(line)
            lines += list.destinations.lines
        }
        for list in hosts {
            lines.append("hosts \(list.name.value)" + (list.file?.described ?? ""))
            lines += list.mappings.map { "  \($0.address) \($0.names.joined(separator: " "))" }
        }
        for resolver in resolvers {
            lines.append("resolver \(resolver.name.value)")
            lines += resolver.servers.map(\.line)
        }
        for limiter in remoteLimiters {
            lines.append("limiter \(limiter.name.value): \(limiter.plugin?.described ?? "")")
        }
        for limiter in limiters {
            lines.append("limiter \(limiter.name.value)")
            lines += limiter.lines.map { line in
                "  \(line.key) in=\(text(line.value.uplink)) out=\(text(line.value.downlink))"
            }
        }
        for limiter in connectionLimiters {
            lines.append("climiter \(limiter.name.value)")
            lines += limiter.lines.map { "  \($0.key) \($0.value)" }
        }
        for limiter in arrivalLimiters {
            lines.append("rlimiter \(limiter.name.value)")
            lines += limiter.lines.map { "  \($0.key) \($0.value)" }
        }
        for quota in quotas {
            var line = "quota \(quota.name.value) \(quota.counted) \(quota.period)"
            if let zone = quota.timeZone { line += " zone=\(zone.value)" }
            if let starts = quota.startsMilliseconds { line += " from=\(starts)" }
            if let ends = quota.endsMilliseconds { line += " to=\(ends)" }
            lines.append(line)
            lines += quota.lines.map { "  \($0.key) \($0.value)" }
        }
        for observer in observers {
            lines.append("observer \(observer.name.value): \(observer.plugin?.described ?? "")")
        }
        lines += control.map(\.line)
        for plugin in plugins {
            let options = plugin.options.map { " with options at \($0.location.line)" } ?? ""
            lines.append("plugin \(plugin.guid.value): \(plugin.type.value)\(options)")
        }
        if log != LogOptions() {
            lines.append("log \(log.output) \(log.level) \(log.format?.rawValue ?? "auto")")
        }
        lines += runtime.lines
        for guid in unknownGUIDs { lines.append("unknown GUID \(guid.value)") }
        return lines.map { $0 + "\n" }.joined()
    }
}

private func text(_ rate: ByteRate?) -> String {
    rate.map { "\($0.bytesPerSecond)/\($0.burstBytes)" } ?? "-"
}

extension ControlOptions {
    fileprivate var line: String {
        let users = auther?.value ?? credential?.username.value ?? "everyone"
        var line = "\(part.rawValue) at \(address.value) path=\(path) for \(users)"
        if logsAccess { line += " with an access log" }
        if token != nil { line += " with a token" }
        if !allowedOrigins.isEmpty { line += " origins=\(allowedOrigins)" }
        if !trustedProxies.isEmpty { line += " proxies=\(trustedProxies)" }
        return line
    }
}

extension ServiceOptions {
    fileprivate var lines: [String] {
        var lines = ["service \(name.value) at \(address.value)"]
        lines.append("  listener \(listener.transport.name) ttl=\(listener.timeToLive.text)")
        var handlerLine = "  handler \(handler.type.value) readTimeout=\(handler.readTimeout.text)"
        if handler.idleTimeout != .zero {
            handlerLine += " idleTimeout=\(handler.idleTimeout.text)"
        }
        lines.append(handlerLine)
        switch handler.kind {
        case .forward: break
        case .socks5(let socks): lines.append(socks.line)
        case .http(let http): lines.append(http.line)
        case .auto(let http, let socks): lines += [http.line, socks.line]
        }
        if !handler.authers.isEmpty {
            lines.append("  authers \(handler.authers.map(\.value))")
        }
        if let user = handler.credential { lines.append("  user \(user.username.value)") }
        if !handler.exemptClients.isEmpty { lines.append("  exempt \(handler.exemptClients)") }
        lines += routeLines
        let statistics = handler.statistics
        if !statistics.guids.isEmpty {
            lines.append(
                "  guids \(statistics.guids.map(\.value)) \(statistics.compatibility)"
                    + " tcp=\(statistics.reportsTCP)")
        }
        lines += forwarder?.lines ?? []
        if let resolver { lines.append("  resolver \(resolver.value)") }
        if let hosts { lines.append("  hosts \(hosts.value)") }
        if let proxyHeaders {
            let trusted = proxyHeaders.trusted.map { "\($0)" } ?? "everybody"
            lines.append("  proxy headers from \(trusted)")
        }
        if case .forward(let forward) = handler.kind, let version = forward.proxyProtocol {
            lines.append("  proxy header v\(version.value) to targets")
        }
        if let connectionLimiter { lines.append("  climiter \(connectionLimiter.value)") }
        if let arrivalLimiter { lines.append("  rlimiter \(arrivalLimiter.value)") }
        if !quotas.isEmpty { lines.append("  quotas \(quotas.map(\.value))") }
        for limiter in limiters {
            var line = "  limiter \(limiter.name.value) \(limiter.scope)"
            if limiter.intervalLocation != nil {
                line += " refresh=\(limiter.refresh.text) cleanup=\(limiter.cleanup.text)"
            }
            lines.append(line)
        }
        if let observer { lines.append("  observer \(observer.described)") }
        if let handlerObserver { lines.append("  handler observer \(handlerObserver.described)") }
        if !admissions.isEmpty { lines.append("  admissions \(admissions.map(\.value))") }
        if !bypasses.isEmpty { lines.append("  bypasses \(bypasses.map(\.value))") }
        if !allowsPrivateDestinations { lines.append("  no private destinations") }
        return lines
    }
}

extension ListFile {
    fileprivate var described: String {
        guard let reload else { return "" }
        return " (\(path.value) again after \(reload.text))"
    }
}

extension HostListOptions {
    fileprivate var lines: [String] {
        let entries = patterns.map { pattern in
            let ports = pattern.ports.map { " \($0.lowerBound)-\($0.upperBound)" } ?? ""
            return "  \(pattern.hosts)\(ports)"
        }
        return entries + (file.map { ["  file\($0.described)"] } ?? [])
    }
}

extension SOCKS5Options {
    fileprivate var line: String {
        var line = "  socks udp=\(allowsUDP) bind=\(allowsBind)"
        line += " udpTimeout=\(udpTimeout.text)"
        if let publicAddress { line += " public=\(publicAddress)" }
        if let udpPorts { line += " ports=\(udpPorts.lowerBound)-\(udpPorts.upperBound)" }
        return line
    }
}

extension HTTPOptions {
    fileprivate var line: String {
        var line = "  http answer=\(answerTimeout?.text ?? "off") head=\(headTimeout.text)"
        line += " keeps=\(keepsUpstreams) realm=\(realm) agent=\(agent) udp=\(allowsUDP)"
        return line + answerFields.map { " \($0.name)=\($0.value)" }.joined()
    }
}

extension ForwarderOptions {
    fileprivate var lines: [String] {
        ["  forwarder \(hop.map { "hop \($0.value)" } ?? selector.described)"]
            + nodes.map { node in
                "    node \(node.name) \(node.destination.value)\(node.share.described)"
            }
    }
}

extension NameServerOptions {
    fileprivate var line: String {
        var line: String
        switch transport.value {
        case .system: line = "  system"
        case .udp(let endpoint): line = "  udp \(endpoint)"
        case .tcp(let endpoint): line = "  tcp \(endpoint)"
        }
        line += " timeout=\(timeout.text)"
        if let preferred { line += " prefer=\(preferred)" }
        if let only { line += " only=\(only)" }
        if let timeToLive { line += " ttl=\(timeToLive.text)" }
        if let clientSubnet { line += " clientIP=\(clientSubnet)" }
        if answersStale { line += " async" }
        if let chain { line += " chain=\(chain.value)" }
        return line
    }
}

extension RuntimeOptions {
    fileprivate var lines: [String] {
        var line = "weir"
        if let stateDirectory { line += " state=\(stateDirectory.value)" }
        if loops != 0 { line += " loops=\(loops)" }
        if drainTimeout != .seconds(10) { line += " drain=\(drainTimeout.text)" }
        if let node { line += " node=\(node)" }
        if !hasAdminSocket { line += " no-admin" }
        return line == "weir" ? [] : [line]
    }
}

extension ObserverReference {
    fileprivate var described: String {
        var text = "\(name.value) period=\(period.text)"
        if resetsTraffic { text += " resets" }
        if !hasCounts { text += " states only" }
        return text
    }
}

extension HTTPPluginOptions {
    fileprivate var described: String {
        var text = " asks \(address.value) timeout=\(timeout.text)"
        if token != nil { text += " token" }
        if !isVerified { text += " unverified" }
        if let serverName { text += " serverName=\(serverName)" }
        if let authorityFile { text += " caFile=\(authorityFile)" }
        return text
    }
}
