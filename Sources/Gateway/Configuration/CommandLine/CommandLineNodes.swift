import Options

/// What `-L`, `-F`, `-api`, `-metrics` and `-D` say, as the values that a file would have.
struct CommandLineNodes {
    private(set) var node: Node?
    private(set) var sources: [SourceText] = []
    private(set) var diagnostics: [Diagnostic] = []
    init(_ request: ConfigurationRequest) {}
}
