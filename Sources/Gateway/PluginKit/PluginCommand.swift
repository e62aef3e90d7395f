/// A command that a plugin adds: `weir NAME …`. It runs without a gateway in the process.
public struct PluginCommand: Sendable {
    /// What comes behind `weir`.
    public let name: String
    /// One line for `weir help`.
    public let summary: String
    /// The whole usage text for `weir NAME --help`.
    public let usage: String
    /// Runs it; the result is the exit status: 0 success, 1 a check failed, 2 wrong usage.
    public let run: @Sendable (CommandContext) async -> Int32

    /// A command.
    public init(
        name: String, summary: String, usage: String,
        run: @escaping @Sendable (CommandContext) async -> Int32
    ) {
        self.name = name
        self.summary = summary
        self.usage = usage
        self.run = run
    }
}

/// What a command works with.
public struct CommandContext: Sendable {
    /// The words behind the command's name. `-C FILE` has been taken out.
    public let arguments: [String]
    /// The plugins of the configuration (`-C`, else `plugins.yaml` here, else none).
    public let plugins: [(guid: String, type: String, settings: any PluginSettings)]
    /// The state directory of that configuration; the admin socket is `admin.sock` in it.
    public let stateDirectory: String
    /// Writes text to standard output.
    public let output: @Sendable (String) -> Void
    /// Writes a line to standard error.
    public let complain: @Sendable (String) -> Void
    /// Sends one request line to the admin socket at a path and returns the answer, a JSON object
    /// in one line. Throws where no gateway answers.
    public let askGateway:
        @Sendable (_ socketPath: String, _ request: String) async throws -> String

    /// A context, as the command line or a test makes it.
    public init(
        arguments: [String],
        plugins: [(guid: String, type: String, settings: any PluginSettings)],
        stateDirectory: String, output: @escaping @Sendable (String) -> Void,
        complain: @escaping @Sendable (String) -> Void,
        askGateway: @escaping @Sendable (String, String) async throws -> String
    ) {
        self.arguments = arguments
        self.plugins = plugins
        self.stateDirectory = stateDirectory
        self.output = output
        self.complain = complain
        self.askGateway = askGateway
    }
}
