import PluginKit

/// Text in Prometheus' exposition format, version 0.0.4.
struct MetricsText {
    /// What a metric is.
    enum Kind: String {
        case counter
        case gauge
        case histogram
    }

    typealias Label = (name: String, value: String)

    private(set) var text = ""

    /// Begins a metric; its samples follow.
    mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    /// One number.
    mutating func sample(_ name: String, _ labels: [Label], _ value: some BinaryInteger) {
        write(name, labels, String(value))
    }

    /// One number.
    mutating func sample(_ name: String, _ labels: [Label], _ value: Double) {
        let special = value.isNaN ? "NaN" : value > 0 ? "+Inf" : "-Inf"
        write(name, labels, value.isFinite ? "\(value)" : special)
    }

    private mutating func write(_ name: String, _ labels: [Label], _ value: String) {
        text += name
        if !labels.isEmpty {
            let parts = labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }
            text += "{" + parts.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        var text = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(character)
            }
        }
        return text
    }

    /// Whether a plugin's name can be a metric's or a label's.
    static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(48...57).contains(first), name.utf8.count <= 100
        else { return false }
        return name.utf8.allSatisfy {
            (97...122).contains($0 | 0x20) || (48...57).contains($0) || $0 == UInt8(ascii: "_")
        }
    }
}
