/// What `/etc/nsswitch.conf` (nsswitch.conf(5)) says about host names: whether files and DNS are
/// all there is, or the C library has to be asked.
package struct NameServiceSwitch: Hashable, Sendable {
    /// The services of the `hosts:` line in order, without their `[STATUS=action]` rules.
    package let hostServices: [String]

    /// Reads a file's text; without a `hosts:` line, `dns files` as the C library has it.
    package init(parsing text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            let code = line.prefix { $0 != "#" }.drop(while: \.isWhitespace)
            guard code.hasPrefix("hosts:") else { continue }
            hostServices = Self.services(code.dropFirst("hosts:".count))
            return
        }
        hostServices = ["dns", "files"]
    }

    /// Whether only the C library can tell what `name` leads to.
    ///
    /// `files` and `dns` are done by ourselves. The minimal multicast services answer for `.local`
    /// only and `myhostname` for this machine's own names, which have no dot or end in
    /// `.localhost`; every other service may know any name.
    package func needsSystemLibrary(for name: String) -> Bool {
        let name = name.lowercased()
        let complete = name.hasSuffix(".") ? String(name.dropLast()) : name
        return hostServices.contains { service in
            switch service {
            case "files", "dns":
                return false
            case "mdns_minimal", "mdns4_minimal", "mdns6_minimal":
                return complete.hasSuffix(".local")
            case "myhostname":
                return !complete.contains(".") || complete.hasSuffix(".localhost")
                    || complete.hasSuffix(".localdomain")
            default:
                return true
            }
        }
    }

    /// Words outside brackets; a rule may hold blanks.
    private static func services(_ text: Substring) -> [String] {
        var services: [String] = []
        var word = ""
        var isInRule = false
        for character in text + " " {
            let isPartOfWord = !isInRule && !character.isWhitespace && character != "["
            if isPartOfWord {
                word.append(character)
                continue
            }
            if !word.isEmpty { services.append(word) }
            word = ""
            if character == "[" { isInRule = true }
            if character == "]" { isInRule = false }
        }
        return services
    }
}
