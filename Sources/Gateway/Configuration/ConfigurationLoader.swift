import Options

/// Reads sources one after another and makes one configuration of them.
struct ConfigurationLoader {
    private let reader: FileReader
    private let unknownKeys: Diagnostic.Severity
    private var merged = MergedNode()
    private var files: [String] = []
    private var sources: [SourceText] = []
    private var diagnostics: [Diagnostic] = []
    private var isIncomplete = false

    init(_ reader: @escaping FileReader, isLenient: Bool) {
        self.reader = reader
        unknownKeys = isLenient ? .warning : .error
    }

    /// Adds everything a command line names, in gost's order: files, then services.
    mutating func add(_ request: ConfigurationRequest) {
        if request.searchesDefaultFiles {
            addFirst(of: request.defaultFiles)
        }
        for (index, file) in request.files.enumerated() {
            add(named: file, index: index)
        }
        let arguments = CommandLineNodes(request)
        diagnostics += arguments.diagnostics
        sources += arguments.sources
        if let node = arguments.node { merged.add(node) }
        if let level = arguments.logLevel { merged.set(logLevel: level) }
    }

    private mutating func addFirst(of candidates: [String]) {
        for file in candidates {
            do throws(FileFault) {
                add(try reader(file), file: file)
                return
            } catch  where error.isAbsent {
                continue
            } catch {
                report("cannot read '\(file)': \(error.reason)", at: nil)
                return
            }
        }
        diagnostics.append(
            Diagnostic(
                .error, at: nil, "there is no configuration",
                hint: "name a file with -C, or a service with -L socks5://127.0.0.1:1080"))
    }

    private mutating func add(named file: String, index: Int) {
        let place = Location(file: "-C", line: index + 1, column: 1)
        if file.hasPrefix("{") {
            add(Array(file.utf8), file: files.contains("-C") ? "-C (\(index + 1))" : "-C")
            return
        }
        let lowered = file.lowercased()
        if lowered.hasPrefix("http://") || lowered.hasPrefix("https://") {
            report(
                "a configuration cannot be read from a URL yet", at: place,
                hint: "fetch it into a file")
            sources.append(SourceText(file: "-C", bytes: Array(file.utf8)))
            return
        }
        do throws(FileFault) {
            add(try reader(file), file: file)
        } catch {
            report("cannot read '\(file)': \(error.reason)", at: nil)
            isIncomplete = true
        }
    }

    /// Adds one file.
    mutating func add(_ bytes: [UInt8], file: String) {
        let composed = NodeComposer.compose(bytes, file: file)
        files.append(file)
        sources.append(composed.source)
        diagnostics += composed.diagnostics
        if composed.isBroken { isIncomplete = true }
        if let node = composed.node { merged.add(node) { composed.isTemplate($0) } }
    }

    /// Reads types and references of everything that was added.
    consuming func finish() -> LoadedConfiguration {
        var access = FileAccess(reader)
        let start = Location(file: files.first ?? "-L", line: 1, column: 1)
        let root = merged.node(orAt: start)
        var found = diagnostics + merged.diagnostics
        let options = GatewayOptions(
            root, merged: merged, unknownKeys: unknownKeys,
            files: &access, diagnostics: &found)
        found += access.diagnostics
        // What a broken file would have named is not missing.
        if !isIncomplete { found += References.check(options) }
        if merged.isEmpty, !found.contains(where: { $0.severity == .error }) {
            found.append(Diagnostic(.error, at: start, "the configuration is empty"))
        }
        if options.services.isEmpty, !found.contains(where: { $0.severity == .error }) {
            found.append(
                Diagnostic(.warning, at: nil, "there is no service, so nothing is listened on"))
        }
        return LoadedConfiguration(
            options: options, diagnostics: found, effective: root,
            fingerprints: ConfigurationFingerprints(root, files: access.contents),
            unknownKeys: unknownKeys, files: files, sources: sources + access.sources)
    }

    private mutating func report(_ message: String, at location: Location?, hint: String? = nil) {
        diagnostics.append(Diagnostic(.error, at: location, message, hint: hint))
    }
}
