package import Model
import Options

extension AdmissionOptions {
    /// Reads one entry of `admissions:`.
    init(from reader: inout OptionReader, files: inout FileAccess) {
        name = reader.name(of: "admission")
        isWhitelist = reader.bool("whitelist", "reverse", default: false)
        clients = HostListOptions(from: &reader, of: .clients, files: &files)
        HostListOptions.warnOfEmptiness(clients, isWhitelist, name, "lets nobody in", &reader)
    }
}

extension BypassOptions {
    /// Reads one entry of `bypasses:`.
    init(from reader: inout OptionReader, files: inout FileAccess) {
        name = reader.name(of: "bypass")
        isWhitelist = reader.bool("whitelist", "reverse", default: false)
        transport = reader.choice("network", among: ["tcp": .tcp, "udp": .udp])
        destinations = HostListOptions(from: &reader, of: .destinations, files: &files)
        HostListOptions.warnOfEmptiness(
            destinations, isWhitelist, name, "leaves no destination", &reader)
    }
}

extension HostListOptions {
    /// What entries are compared with.
    enum Subject {
        /// Clients, which have an address and no name.
        case clients
        /// Destinations as clients ask for them.
        case destinations
    }

    /// Reads `matchers`, `file` and `reload`.
    init(from reader: inout OptionReader, of subject: Subject, files: inout FileAccess) {
        var inline: [HostPattern] = []
        for text in reader.strings("matchers") {
            let pattern = Self.pattern(text, of: subject) { reader.report($0) }
            if let pattern { inline.append(pattern) }
        }
        self.inline = inline
        file = ListFile.read(from: &reader)
        fromFile = file.map { Self.patterns(in: $0.path, of: subject, files: &files) } ?? []
        reader.notYet(.error, ["redis", "http", "plugin"])
    }

    static func warnOfEmptiness(
        _ list: HostListOptions, _ isWhitelist: Bool, _ name: Located<String>,
        _ consequence: String, _ reader: inout OptionReader
    ) {
        guard isWhitelist, list.patterns.isEmpty, !reader.has("redis", "http", "plugin") else {
            return
        }
        reader.warn(
            "the whitelist '\(name.value)' is empty and \(consequence)", at: name.location)
    }

    private static func patterns(
        in path: Located<String>, of subject: Subject, files: inout FileAccess
    ) -> [HostPattern] {
        let lines = files.lines(of: path, comments: .anywhere, visibility: .masked) ?? []
        var patterns: [HostPattern] = []
        patterns.reserveCapacity(lines.count)
        for words in lines {
            guard words.count == 1 else {
                files.report(.error, at: words[1].location, "a line is one entry")
                continue
            }
            let pattern = pattern(words[0], of: subject) {
                files.report($0.severity, at: $0.location, $0.message, hint: $0.hint)
            }
            if let pattern { patterns.append(pattern) }
        }
        return patterns
    }

    /// An entry; nil after a mistake.
    private static func pattern(
        _ text: Located<String>, of subject: Subject, report: (Diagnostic) -> Void
    ) -> HostPattern? {
        let pattern: HostPattern
        do throws(HostPattern.Fault) {
            pattern = try HostPattern(text.value)
        } catch {
            report(
                Diagnostic(
                    .error, at: text.location, "'\(text.value)' \(error.reason)", hint: error.hint))
            return nil
        }
        guard subject == .clients else { return pattern }
        let doubt: String? =
            switch pattern.hosts {
            case .name, .domain: "means nobody: clients are known by their addresses"
            case .addresses, .glob:
                pattern.ports == nil ? nil : "has ports, which are ignored: any of a client's do"
            }
        if let doubt {
            report(Diagnostic(.warning, at: text.location, "'\(text.value)' \(doubt)"))
        }
        return pattern.withoutPorts
    }
}

extension AdmissionOptions {
    /// Reads the file's entries again, by a reader that has the file; all entries come of it.
    package func reread(with reader: @escaping FileReader) -> Reread<[HostPattern]> {
        clients.reread(of: .clients, with: reader)
    }
}

extension BypassOptions {
    /// Reads the file's entries again, by a reader that has the file; all entries come of it.
    package func reread(with reader: @escaping FileReader) -> Reread<[HostPattern]> {
        destinations.reread(of: .destinations, with: reader)
    }
}

extension HostListOptions {
    fileprivate func reread(
        of subject: Subject, with reader: @escaping FileReader
    ) -> Reread<[HostPattern]> {
        Reread.reading(with: reader) { files in
            inline + (file.map { Self.patterns(in: $0.path, of: subject, files: &files) } ?? [])
        }
    }
}
