/// What Package.swift says about targets, read from its text.
struct Manifest {
    /// What each target may import, by target name, in the manifest's order.
    let targets: [(name: String, uses: [String])]
    /// Names given to `plugin(…)`.
    let plugins: [String]

    init(text: String) {
        let code = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.drop { $0 == " " }.hasPrefix("//") ? "" : String(line)
        }.joined(separator: "\n")
        var targets: [(Int, String, [String])] = []
        var plugins: [String] = []
        for (call, base) in Self.forms {
            for (offset, arguments) in Self.calls(of: call, in: code) {
                let parts = Self.split(arguments)
                guard let name = Self.strings(parts.before).first else { continue }
                let target = call == "tests(" ? name + "Tests" : name
                targets.append((offset, target, base + Self.strings(parts.list)))
                if call == "plugin(" { plugins.append(name) }
            }
        }
        self.targets = targets.sorted { $0.0 < $1.0 }.map { ($0.1, $0.2) }
        self.plugins = plugins
    }

    /// What a target may import; nil for a target that the manifest does not name.
    func uses(of target: String) -> [String]? { targets.first { $0.name == target }?.uses }

    /// The ways in which the manifest declares a target, and what each adds to `uses`.
    private static let forms: [(call: String, base: [String])] = [
        ("area(", []), ("plugin(", ["PluginKit", "Options", "Model"]), ("tests(", []),
        (".target(", []), (".executableTarget(", []), (".systemLibrary(", []),
    ]

    /// The text between the parentheses of each call whose first argument is a string.
    private static func calls(of name: String, in code: String) -> [(Int, Substring)] {
        code.ranges(of: name).compactMap { range in
            var depth = 1
            var end = range.upperBound
            while end < code.endIndex, depth > 0 {
                if code[end] == "(" { depth += 1 }
                if code[end] == ")" { depth -= 1 }
                end = code.index(after: end)
            }
            let arguments = code[range.upperBound..<end]
            let lead = arguments.drop { $0.isWhitespace }
            let isCall = ["\"", "name: \"", "of: \""].contains { lead.hasPrefix($0) }
            return isCall
                ? (code.distance(from: code.startIndex, to: range.lowerBound), arguments) : nil
        }
    }

    /// The arguments before the list of dependencies, and the list.
    private static func split(_ arguments: Substring) -> (before: Substring, list: Substring) {
        for label in ["uses: [", "dependencies: ["] {
            guard let start = arguments.ranges(of: label).first else { continue }
            let rest = arguments[start.upperBound...]
            return (arguments[..<start.lowerBound], rest.prefix { $0 != "]" })
        }
        return (arguments, "")
    }

    private static func strings(_ text: Substring) -> [String] {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }
}
