import PluginKit

/// What `weir help` prints.
enum HelpText {
    static func text(_ commands: [PluginCommand]) -> String {
        let plugins = commands.map { "  weir \(padded($0.name)) \($0.summary)" }
        return """
            weir: a proxy gateway that meters every byte and can prove it

              weir -C FILE [-C FILE …]      run the services of gost-style YAML files
              weir -L URL [-L URL …]        run services given as URLs, such as socks5://:1080
              weir \(padded("check")) load the configuration and say everything that is wrong
              weir \(padded("hash")) hash a password (from standard input) for a file
            \(plugins.joined(separator: "\n"))

              -C FILE      YAML or JSON file, - for standard input, or inline {…}; may repeat
              -L URL       [handler[+listener]://][user:pass@][host]:port[/target,…][?key=value]
              -D, -DD      log at level debug, trace
              -O FORMAT    print the effective configuration as yaml or json
              -V           print the version
              --lenient    unknown keys are warnings
            """
    }

    private static func padded(_ text: String) -> String {
        text + String(repeating: " ", count: max(1, 24 - text.utf8.count))
    }
}
