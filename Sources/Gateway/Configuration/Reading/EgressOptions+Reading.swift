import Model
import Options

extension EgressOptions {
    /// What one place of a file says of it: nil where it says nothing.
    struct Part {
        let choices: [Choice]?
        let mark: UInt32?

        /// Nothing said.
        static let none = Part(choices: nil, mark: nil)

        /// With what another place says where this one says nothing.
        func inheriting(_ other: Part) -> Part {
            Part(choices: choices ?? other.choices, mark: mark ?? other.mark)
        }

        var options: EgressOptions {
            EgressOptions(choices: choices ?? [], mark: mark ?? 0)
        }
    }

    /// Reads `interface` and `so_mark` of a metadata, and gost's older keys for them beside it. As
    /// there, the metadata has the last word, and a mark of 0 is none said.
    static func read(_ reader: inout OptionReader, metadata: inout OptionReader) -> Part {
        let older = Part(
            choices: choices(from: &reader),
            mark: reader.mapping("sockopts") { mark("mark", &$0) } ?? nil)
        return Part(choices: choices(from: &metadata), mark: mark("so_mark", &metadata))
            .inheriting(older)
    }

    private static func mark(_ key: String, _ reader: inout OptionReader) -> UInt32? {
        let mark = reader.integer(key, default: 0, in: 0...Int(UInt32.max))
        return mark == 0 ? nil : UInt32(mark)
    }

    private static func choices(from reader: inout OptionReader) -> [Choice]? {
        var choices: [Choice] = []
        for text in reader.strings("interface") {
            for part in text.value.split(separator: ",", omittingEmptySubsequences: false) {
                var name = String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
                let isStrict = name.hasSuffix("!")
                if isStrict { name.removeLast() }
                guard let place = place(name) else {
                    reader.error(
                        "'\(name)' is no interface", at: text.location,
                        hint: "such as eth0, 192.0.2.1 or auto; several with commas,"
                            + " with ! behind one after which no other is tried")
                    continue
                }
                choices.append(Choice(place, isStrict: isStrict))
            }
        }
        return choices.isEmpty ? nil : choices
    }

    private static func place(_ name: String) -> Place? {
        if name.lowercased() == "auto" { return .ingress }
        if let address = IPAddress(name) { return address.isUnspecified ? nil : .address(address) }
        // What the kernel takes as a name (dev_valid_name).
        let isName =
            (1...15).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && !"/:".utf8.contains($0) }
        return isName ? .device(name) : nil
    }
}
