package import Configuration
import Options

/// The words behind `weir`, understood: gost's flags, and Weir's commands.
///
/// Flags take their value as the next word or behind `=`; one or two dashes make no difference.
package struct CommandLineArguments: Sendable, Equatable {
    /// What is to be done.
    package enum Action: Sendable, Equatable {
        /// Run the gateway.
        case run
        /// Load the configuration and say what is wrong with it.
        case check
        /// Print the effective configuration.
        case printConfiguration(asJSON: Bool)
        /// Print the version.
        case version
        /// Print the help text.
        case help
        /// Hash a password read from standard input.
        case hash
        /// A plugin's command with its own words.
        case plugin(name: String, arguments: [String])
    }

    /// What is to be done.
    package var action = Action.run
    /// What is to be loaded; `home` is not among the words.
    package var request = ConfigurationRequest()

    /// `-R`: how often the configuration is read again; nil is never.
    package var reloadEvery: Duration?

    /// Why the words make no sense.
    package struct Fault: Error, Sendable, Equatable {
        /// What is wrong and what to do.
        package let message: String
    }

    /// Understands the words behind the program's name. `pluginCommands` are the names of
    /// commands that plugins add.
    package init(_ words: [String], pluginCommands: [String]) throws(Fault) {
        var rest = words[...]
        if let command = rest.first, !command.hasPrefix("-") {
            rest = rest.dropFirst()
            switch command {
            case "check": action = .check
            case "version": action = .version
            case "help": action = .help
            case "hash": action = .hash
            case let name where pluginCommands.contains(name):
                action = .plugin(name: name, arguments: [])
            default:
                let known = (["check", "hash", "help", "version"] + pluginCommands).sorted()
                throw Fault(
                    message: "unknown command '\(command)'; there are "
                        + known.joined(separator: ", "))
            }
        }
        try readFlags(rest)
    }

    private mutating func readFlags(_ words: ArraySlice<String>) throws(Fault) {
        var rest = words
        while let word = rest.popFirst() {
            if case .plugin(let name, var arguments) = action, !Self.isFileFlag(word) {
                arguments.append(word)
                action = .plugin(name: name, arguments: arguments)
                continue
            }
            guard word.hasPrefix("-"), word != "-" else {
                throw Fault(message: "'\(word)' is no flag; a file is given with -C")
            }
            let bare = word.drop { $0 == "-" }
            let parts = bare.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            try read(String(parts[0]), parts.count == 2 ? String(parts[1]) : nil, &rest)
        }
    }

    private static func isFileFlag(_ word: String) -> Bool {
        word == "-C" || word == "--C" || word.hasPrefix("-C=")
    }

    private mutating func read(
        _ flag: String, _ attached: String?, _ rest: inout ArraySlice<String>
    ) throws(Fault) {
        func value(_ rest: inout ArraySlice<String>) throws(Fault) -> String {
            guard let value = attached ?? rest.popFirst() else {
                throw Fault(message: "-\(flag) needs a value")
            }
            return value
        }
        switch flag {
        case "C": request.files.append(try value(&rest))
        case "L": request.services.append(try value(&rest))
        case "F": request.nodes.append(try value(&rest))
        case "api": request.api = try value(&rest)
        case "metrics": request.metrics = try value(&rest)
        case "D": request.debugLevel = max(request.debugLevel, 1)
        case "DD": request.debugLevel = 2
        case "lenient": request.isLenient = true
        case "V", "version": action = .version
        case "h", "help": action = .help
        case "O":
            switch try value(&rest).lowercased() {
            case "yaml": action = .printConfiguration(asJSON: false)
            case "json": action = .printConfiguration(asJSON: true)
            default: throw Fault(message: "-O takes yaml or json")
            }
        case "R":
            let text = try value(&rest)
            guard let every = Units.duration(text), every >= .seconds(1) else {
                throw Fault(message: "-R takes a time of at least a second, such as 30s or 5m")
            }
            reloadEvery = every
        default:
            throw Fault(message: "unknown flag '-\(flag)'; see weir help")
        }
    }
}
