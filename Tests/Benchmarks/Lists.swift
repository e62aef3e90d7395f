import Configuration

/// Files of objects as large as the largest that are passed around, loaded with a configuration.
enum Lists {
    /// Seconds to load a configuration whose object `yaml` names a file of `count` lines.
    static func loadSeconds(_ yaml: String, count: Int, line: (Int) -> String) throws -> Double {
        let text = (0..<count).map { line($0) + "\n" }.joined()
        let bytes = Array(text.utf8)
        let configuration = Array((service + yaml).utf8)
        var isRefused = false
        let cost = Cost.best(of: 3) {
            Cost.measure {
                let loaded = Configuration.load(
                    bytes: configuration, file: "bench.yaml",
                    readingWith: { (_) throws(FileFault) in bytes })
                isRefused = loaded.isRefused
            }
        }
        precondition(!isRefused, "the configuration is wrong")
        return cost.nanoseconds / 1e9
    }

    private static let service =
        "services: [ { name: s, addr: '127.0.0.1:1', handler: { type: socks5, auther: u },"
        + " bypass: b } ]\n"

    /// A bypass of 100,000 lines.
    static func bypass() throws -> Double {
        try loadSeconds(
            "authers: [ { name: u, auths: [ { username: a, password: b } ] } ]\n"
                + "bypasses: [ { name: b, file: { path: list } } ]\n",
            count: 100_000, line: { "host-\($0).example.org" })
    }

    /// An auther of 50,000 lines.
    static func users() throws -> Double {
        try loadSeconds(
            "authers: [ { name: u, file: { path: list } } ]\n"
                + "bypasses: [ { name: b, matchers: [ a.example ] } ]\n",
            count: 50_000, line: { "user-\($0) password-\($0)" })
    }
}
