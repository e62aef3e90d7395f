import Inbound
import Model
import PluginKit

/// One log line as text for people or JSON for programs. Foreign text is escaped in both, so a
/// line never breaks out of its line.
struct LogLine {
    let milliseconds: Int64
    let level: LogLevel
    let event: String
    let fields: [Journal.Field]

    /// `{"level":…,"msg":…,"time":…,fields…}`, gost's names first.
    func json(_ text: inout JSONText) {
        text.beginObject()
        text.field("level", level.name)
        text.field("msg", event)
        text.field("time", CivilTime(milliseconds: milliseconds).description)
        for field in fields { text.field(field.name, field.value) }
        text.endObject()
        text.endLine()
    }

    /// `2026-11-20T09:17:54.000Z info event name=value …`.
    var text: String {
        var line = "\(CivilTime(milliseconds: milliseconds)) \(level.name) \(Self.escape(event))"
        for field in fields {
            let value = Self.escape(field.value)
            let needsQuotes = value.isEmpty || value.contains(" ")
            line += " \(field.name)=" + (needsQuotes ? "\"\(value)\"" : value)
        }
        return line + "\n"
    }

    /// As escapes: control characters, also those of C1 that terminals obey, other line ends, and
    /// what could end a quoted value.
    static func escape(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { mustEscape($0) }) else { return text }
        var escaped = ""
        for scalar in text.unicodeScalars {
            if mustEscape(scalar) {
                escaped += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func mustEscape(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) || scalar == "\\"
            || scalar == "\"" || (0x2028...0x2029).contains(scalar.value)
            || (0x202a...0x202e).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
    }
}
