import Assembly
import Configuration
import LinuxIO
import PluginKit

/// Runs a plugin's command: no gateway in this process, but its configuration at hand.
enum PluginCommandRunner {
    static func run(
        _ command: PluginCommand, _ arguments: [String], _ words: CommandLineArguments,
        _ plugins: [PluginDescriptor]
    ) -> Int32 {
        if arguments.contains("--help") || arguments.contains("-h") {
            Terminal.print(command.usage)
            return 0
        }
        var words = words
        // The file that `make run` starts with, so that the commands of the README need no -C.
        if words.files.isEmpty, ConfigurationFiles.exists("plugins.yaml") {
            words.files = ["plugins.yaml"]
        }
        let prepared = ConfigurationFiles.load(words, plugins)
        let isAsked = !words.files.isEmpty
        if isAsked && prepared.loaded.isRefused {
            Terminal.complain(prepared.loaded.renderedDiagnostics)
            return 2
        }
        let context = CommandContext(
            arguments: arguments,
            plugins: prepared.plugins.map { ($0.guid, $0.type, $0.settings) },
            stateDirectory: StatePath.directory(prepared) ?? StatePath.standard,
            output: { Terminal.printExactly($0) }, complain: { Terminal.complain($0) },
            askGateway: { path, request in try AdminClient.ask(path: path, request: request) })
        return Waiting.result(of: { await command.run(context) })
    }
}
