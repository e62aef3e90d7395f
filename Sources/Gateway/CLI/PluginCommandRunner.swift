import Assembly
import Configuration
import LinuxIO
import Metering
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
        if words.request.files.isEmpty, ConfigurationFiles.exists("plugins.yaml") {
            words.request.files = ["plugins.yaml"]
        }
        let prepared = ConfigurationFiles.load(words, plugins)
        let isAsked = !words.request.files.isEmpty
        if isAsked && prepared.loaded.isRefused {
            Terminal.complain(prepared.loaded.renderedDiagnostics)
            return 2
        }
        let directory = StatePath.directory(prepared) ?? StatePath.standard
        if hasUnstoredMeters(directory) {
            Terminal.complain(
                "note: the gateway of '\(directory)' died; what it had not stored is added when "
                    + "it starts again")
        }
        let context = CommandContext(
            arguments: arguments,
            plugins: prepared.plugins.map { ($0.guid, $0.type, $0.settings) },
            stateDirectory: directory,
            output: { Terminal.printExactly($0) }, complain: { Terminal.complain($0) },
            askGateway: { path, request in try AdminClient.ask(path: path, request: request) })
        return Waiting.result(of: { await command.run(context) })
    }

    /// Whether meters of a gateway that is dead lie in a state directory: there are some, and
    /// nobody holds the lock. A directory that is not there has none.
    private static func hasUnstoredMeters(_ directory: String) -> Bool {
        guard let names = try? Directory.names(in: directory), names.contains("lock"),
            names.contains(where: { $0.hasSuffix(MeterFiles.slotSuffix) }),
            let lock = try? RegularFile(path: directory + "/lock")
        else { return false }
        return lock.lock()
    }
}
