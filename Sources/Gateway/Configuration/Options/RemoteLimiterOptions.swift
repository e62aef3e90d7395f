package import Options

/// An object of `limiters` whose rates a server decides.
package struct RemoteLimiterOptions: Sendable {
    /// Unique among limiters of all kinds.
    package let name: Located<String>
    /// The server; nil after a mistake.
    package let plugin: HTTPPluginOptions?

    init(name: Located<String>, plugin: HTTPPluginOptions?) {
        self.name = name
        self.plugin = plugin
    }
}
