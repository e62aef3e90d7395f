import Options

extension RemoteLimiterOptions {
    /// Reads one entry of `limiters:` that has a `plugin:`.
    init(from reader: inout OptionReader) {
        name = reader.name(of: "limiter")
        plugin =
            reader.mapping("plugin") {
                HTTPPluginOptions(from: &$0, atRisk: "names of users")
            } ?? nil
        for key in ["limits", "file", "reload"] where reader.has(key) {
            reader.warn(
                "the plugin of the limiter '\(name.value)' is asked, and '\(key)' is not read",
                at: reader.location(of: key))
        }
        reader.accept("limits", "file", "reload")
        reader.notYet(.error, ["redis", "http"])
    }
}
