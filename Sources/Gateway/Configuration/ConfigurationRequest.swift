/// What the command line asks to load, word by word.
package struct ConfigurationRequest: Sendable, Equatable {
    /// Each `-C`: a path, `-` for standard input, or inline JSON that starts with `{`.
    package var files: [String] = []
    /// Each `-L`.
    package var services: [String] = []
    /// Each `-F`.
    package var nodes: [String] = []
    /// `-api`.
    package var api: String?
    /// `-metrics`.
    package var metrics: String?
    /// How often `-D` was given: 1 logs at level debug, 2 at trace.
    package var debugLevel = 0
    /// `--lenient`: unknown keys are warnings.
    package var isLenient = false
    /// The user's home directory, searched for `.gost/gost.yml` when nothing else is asked for.
    package var home: String?

    /// Nothing asked for: the default places are searched.
    package init() {}

    /// Whether the default places are searched.
    var searchesDefaultFiles: Bool {
        files.isEmpty && services.isEmpty && nodes.isEmpty && api == nil && metrics == nil
    }

    /// Where gost looks, in its order.
    var defaultFiles: [String] {
        let folders = ["/etc/gost"] + (home.map { ["\($0)/.gost"] } ?? []) + ["."]
        return folders.flatMap { folder in
            ["yml", "yaml", "json"].map { "\(folder)/gost.\($0)" }
        }
    }
}
