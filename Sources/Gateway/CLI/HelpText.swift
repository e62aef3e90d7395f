import PluginKit

/// What `weir help` prints.
enum HelpText {
    static func text(_ commands: [PluginCommand]) -> String {
        let plugins = commands.map { "  weir \(padded($0.name)) \($0.summary)" }
        return """
            weir: a proxy gateway that counts every byte it moves

              weir -C FILE [-C FILE …]      run the services of gost-style YAML files
              weir -L URL [-L URL …]        run services given as URLs, such as socks5://:1080
              weir                          run gost.yml of /etc/gost, ~/.gost or this directory
              weir \(padded("check")) say everything that is wrong with -C and -L, start nothing
              weir \(padded("hash")) read a password from standard input, print its hash
            \(plugins.joined(separator: "\n"))

              -C FILE      YAML or JSON file, - for standard input, or inline {…}; may repeat
              -L URL       [handler[+listener]://][user:pass@][host]:port[/target,…][?key=value]
              -D, -DD      log at level debug, trace
              -O FORMAT    print the effective configuration as yaml or json, secrets included
              -R TIME      read the configuration again so often, as SIGHUP does at once
              -V           print the version
              --lenient    unknown keys are warnings

            weir COMMAND --help tells the options of a plugin's command. Exit status: 0 success,
            1 a start or a check failed, 2 wrong usage or a refused configuration. SIGTERM lets
            flows finish and stores every count; a second one cuts them. SIGHUP reads the
            configuration again and applies the difference; flows go on.
            """
    }

    private static func padded(_ text: String) -> String {
        text + String(repeating: " ", count: max(1, 24 - text.utf8.count))
    }
}
