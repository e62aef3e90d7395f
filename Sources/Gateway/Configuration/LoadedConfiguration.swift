package import Options

/// The result of loading: typed options, what is wrong with them, and the texts to show it in.
package struct LoadedConfiguration: Sendable {
    /// The options as far as they could be read. Start from them only if `isRefused` is false.
    package let options: GatewayOptions
    /// Everything that is wrong or doubtful, in the order of files, lines and columns.
    package let diagnostics: [Diagnostic]
    /// All files and command-line services as one value, before types were read.
    package let effective: Node
    /// What the parts are told by when two configurations are compared.
    package let fingerprints: ConfigurationFingerprints
    /// How bad an unknown key is, for readers of plugins' options: `--lenient` makes it a warning.
    package let unknownKeys: Diagnostic.Severity
    /// Files that were read, in order, as the user named them.
    package let files: [String]
    private let sources: [SourceText]

    init(
        options: GatewayOptions, diagnostics: [Diagnostic], effective: Node,
        fingerprints: ConfigurationFingerprints, unknownKeys: Diagnostic.Severity, files: [String],
        sources: [SourceText]
    ) {
        self.options = options
        self.diagnostics = Diagnostic.sorted(diagnostics, files: sources.map(\.file))
        self.effective = effective
        self.fingerprints = fingerprints
        self.unknownKeys = unknownKeys
        self.files = files
        self.sources = sources
    }

    /// Whether an error stops the start.
    package var isRefused: Bool { diagnostics.contains { $0.severity == .error } }

    /// The same with findings of later stages, such as plugins' own options.
    package func adding(_ more: [Diagnostic]) -> LoadedConfiguration {
        LoadedConfiguration(
            options: options, diagnostics: diagnostics + more, effective: effective,
            fingerprints: fingerprints, unknownKeys: unknownKeys, files: files, sources: sources)
    }

    /// All findings as text for a terminal, with lines, carets and hints; secrets are masked.
    package var renderedDiagnostics: String { Diagnostic.render(diagnostics, sources: sources) }

    /// The effective configuration as YAML that loads to the same options. It holds secrets.
    package var yaml: String { effective.yaml }

    /// The effective configuration as JSON that loads to the same options. It holds secrets.
    package var json: String { effective.json }
}
