import Assembly
import Configuration
import Glibc
import LinuxIO
import Loop
import Model
public import PluginKit

/// The command line: what `weir` does, with any table of plugins.
///
/// A third party's executable is one call:
/// ```swift
/// WeirMain.run(plugins: [PluginDescriptor(MyPlugin.self)])
/// ```
/// Reporters that are registered before it (`registerStatsReporter`) hear of the first flow.
public enum WeirMain {
    /// The version that `-V` prints.
    public static let version = "0.1.0"

    /// Does what the words behind the program's name ask for and ends the process. Exit status: 0
    /// success, 1 a check or a start failed, 2 wrong usage or a refused configuration.
    public static func run(
        plugins: [PluginDescriptor], arguments: [String] = CommandLine.arguments
    ) -> Never {
        Process.tuneMemory()
        Process.ignoreBrokenPipes()
        let commands = plugins.flatMap(\.commands)
        let words: CommandLineArguments
        do throws(CommandLineArguments.Fault) {
            words = try CommandLineArguments(
                Array(arguments.dropFirst()), pluginCommands: commands.map(\.name))
        } catch {
            Terminal.complain("weir: \(error.message)")
            exit(2)
        }
        let status = perform(words, plugins, commands)
        // An export that was lost on the way is no success.
        exit(status == 0 && Terminal.hasLostOutput ? 1 : status)
    }

    private static func perform(
        _ words: CommandLineArguments, _ plugins: [PluginDescriptor], _ commands: [PluginCommand]
    ) -> Int32 {
        switch words.action {
        case .version:
            Terminal.print("weir \(version) (linux)")
            return 0
        case .help:
            Terminal.print(HelpText.text(commands))
            return 0
        case .hash:
            return HashCommand.run()
        case .check:
            return withConfiguration(words, plugins) { prepared in
                Terminal.print(ConfigurationSummary.text(prepared))
                if let objection = StatePath.objection(prepared) {
                    Terminal.complain("weir: warning: \(objection)")
                }
                return 0
            }
        case .printConfiguration(let asJSON):
            return withConfiguration(words, plugins) { prepared in
                Terminal.print(asJSON ? prepared.loaded.json : prepared.loaded.yaml)
                return 0
            }
        case .plugin(let name, let arguments):
            guard let command = commands.first(where: { $0.name == name }) else { return 2 }
            return PluginCommandRunner.run(command, arguments, words, plugins)
        case .run:
            // Before any thread exists, so that all of them inherit it. Commands keep the usual
            // ways of being interrupted.
            Process.blockSignals()
            return withConfiguration(words, plugins) { prepared in
                GatewayProcess(prepared, words, plugins).run()
            }
        }
    }

    /// Loads, says what is wrong, and goes on only with a configuration that is not refused.
    private static func withConfiguration(
        _ words: CommandLineArguments, _ plugins: [PluginDescriptor],
        _ body: (PreparedConfiguration) -> Int32
    ) -> Int32 {
        let prepared = ConfigurationFiles.load(words, plugins)
        let findings = prepared.loaded.renderedDiagnostics
        if !findings.isEmpty { Terminal.complain(findings) }
        if prepared.loaded.isRefused { return 2 }
        guard !prepared.loaded.options.services.isEmpty else {
            Terminal.complain(
                "weir: nothing to serve: give a configuration with -C FILE or a service with "
                    + "-L URL; see weir help")
            return 2
        }
        return body(prepared)
    }
}
