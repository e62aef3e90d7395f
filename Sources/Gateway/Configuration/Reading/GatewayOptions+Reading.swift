import Options

extension GatewayOptions {
    /// Reads the merged files. What later files replaced is read too, for its mistakes.
    init(
        _ root: Node, merged: MergedNode, unknownKeys: Diagnostic.Severity,
        files: inout FileAccess, diagnostics: inout [Diagnostic]
    ) {
        var reader = OptionReader(root, named: "", unknownKeys: unknownKeys)
        services = reader.mappings("services") { ServiceOptions(from: &$0, files: &files) }
        chains = reader.mappings("chains") { ChainOptions(from: &$0, files: &files) }
        hops = reader.mappings("hops") {
            HopOptions(from: &$0, mayRefer: false, files: &files)
        }
        authers = reader.mappings("authers") { AutherOptions(from: &$0, files: &files) }
        admissions = reader.mappings("admissions") { AdmissionOptions(from: &$0, files: &files) }
        bypasses = reader.mappings("bypasses") { BypassOptions(from: &$0, files: &files) }
        hosts = reader.mappings("hosts") { HostsOptions(from: &$0, files: &files) }
        resolvers = reader.mappings("resolvers") { ResolverOptions(from: &$0) }
        var remote: [RemoteLimiterOptions] = []
        limiters = reader.mappings("limiters") { part -> LimitListOptions<TrafficLimitOptions>? in
            if part.has("plugin") {
                remote.append(RemoteLimiterOptions(from: &part))
                return nil
            }
            return LimitListOptions(
                from: &part, files: &files, kind: "limiter",
                format: LimitFormat(keys: .all, read: TrafficLimitOptions.read))
        }.compactMap { $0 }
        remoteLimiters = remote
        connectionLimiters = reader.mappings("climiters") {
            LimitListOptions(
                from: &$0, files: &files, kind: "climiter",
                format: LimitFormat(keys: .ofArrivals, read: LimitNumber.connections))
        }
        arrivalLimiters = reader.mappings("rlimiters") {
            LimitListOptions(
                from: &$0, files: &files, kind: "rlimiter",
                format: LimitFormat(keys: .ofArrivals, read: LimitNumber.arrivals))
        }
        quotas = reader.mappings("quotas") { QuotaOptions(from: &$0, files: &files) }
        observers = reader.mappings("observers") { ObserverOptions(from: &$0) }
        plugins = reader.mappings("plugins") { PluginOptions(from: &$0) }.compactMap { $0 }
        api = reader.mapping("api") { ControlOptions(.api, from: &$0, files: &files) } ?? nil
        metrics =
            reader.mapping("metrics") { ControlOptions(.metrics, from: &$0, files: &files) } ?? nil
        log = reader.mapping("log") { LogOptions(from: &$0) } ?? LogOptions()
        runtime = reader.mapping("weir") { RuntimeOptions(from: &$0) } ?? RuntimeOptions()
        reader.notYet(.warning, GostVocabulary.laterTopLevel)
        for key in reader.unasked {
            let folded = key.text.lowercased()
            if folded.hasPrefix("x-") {
                reader.accept(key.text)
            } else if merged.templates.contains(folded) {
                reader.accept(key.text)
                reader.warn(
                    "'\(key.text)' only holds values for aliases", at: key.location,
                    hint: "start its name with x- to say so")
            }
        }
        diagnostics += reader.finish()

        for (key, value) in merged.replaced {
            var part = OptionReader(value, named: key, unknownKeys: unknownKeys)
            switch key {
            case "log": _ = LogOptions(from: &part)
            case "weir": _ = RuntimeOptions(from: &part)
            case "api": _ = ControlOptions(.api, from: &part, files: &files)
            case "metrics": _ = ControlOptions(.metrics, from: &part, files: &files)
            default: continue
            }
            diagnostics += part.finish()
        }
    }
}
