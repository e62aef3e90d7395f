package import Options

extension GatewayOptions {
    /// GUIDs that handlers name and no entry of `plugins:` has. They may still be registered in
    /// code, so this is for a warning when the gateway is assembled.
    package var unknownGUIDs: [Located<String>] {
        let known = Set(plugins.map(\.guid.value))
        return services.flatMap(\.handler.statistics.guids).filter { !known.contains($0.value) }
    }
}
