extension Rules {
    /// Modules from outside the package, and the areas that may import them.
    static let outside: [String: Set<String>] = [
        "Glibc": ["LinuxIO", "CLI"],
        "FoundationEssentials": ["Storage", "CLI", "Weir", "WingMeter"],
        "Foundation": [],
        "Dispatch": [],
    ]

    /// Modules that any area may import.
    static let free: Set<String> = ["Synchronization", "Swift", "_Concurrency"]

    /// The areas of the diagram, bottom-up: an area uses areas of earlier rows, or of its own row
    /// when they stand before it.
    static let layers: [[String]] = [
        ["CLinux", "CYAML", "CSQLite", "COpenSSL", "CCurl"],
        ["Model", "Bytes"],
        ["Options", "PluginKit", "Codecs", "Crypto", "Rules"],
        ["LinuxIO", "Loop", "HTTPClient"],
        ["Storage", "Configuration", "Metering", "Limiting", "RemotePlugins"],
        ["Relay", "Routing"],
        ["Inbound", "HTTPService"],
        ["Assembly"],
        ["CLI"],
    ]

    /// What an area must never use, even indirectly, whatever Package.swift says.
    static let never: [String: Set<String>] = [
        "Model": ["LinuxIO", "Loop"],
        "Bytes": ["LinuxIO", "Loop"],
        "Codecs": ["LinuxIO", "Loop", "PluginKit"],
        "Options": ["LinuxIO", "Loop"],
        "Rules": ["LinuxIO", "Loop"],
        "PluginKit": ["LinuxIO", "Loop", "Metering"],
        "Configuration": ["LinuxIO", "Loop"],
        "Storage": ["Loop", "Metering"],
        "Crypto": ["LinuxIO", "Loop"],
    ]

    /// Imports that the manifest or the tables above do not allow to the file's area.
    static func imports(_ file: SourceFile, manifest: Manifest) -> [Finding] {
        let target = file.area == "Weir" ? "weir" : file.area
        let uses = Set(manifest.uses(of: target) ?? [])
        return file.imports.compactMap { module, line in
            if free.contains(module) || uses.contains(module) { return nil }
            if let areas = outside[module], areas.contains(file.area) { return nil }
            return Finding(
                path: file.path, line: line, message: "\(file.area) may not import \(module)")
        }
    }

    /// Dependencies that point up in the diagram, or lead where an area must not go.
    static func directions(_ manifest: Manifest) -> [Finding] {
        let order = layers.flatMap { $0 }
        func finding(_ message: String) -> Finding {
            Finding(path: "Package.swift", line: 1, message: message)
        }
        return manifest.targets.flatMap { name, uses -> [Finding] in
            guard let own = order.firstIndex(of: name) else { return [] }
            let up = uses.filter { (order.firstIndex(of: $0) ?? .max) >= own }.map {
                finding("\(name) uses \($0), which stands above it")
            }
            let reached = reachable(from: name, manifest)
            let forbidden = (never[name] ?? []).intersection(reached).sorted().map {
                finding("\(name) reaches \($0), which it must not know")
            }
            return up + forbidden
        }
    }

    private static func reachable(from name: String, _ manifest: Manifest) -> Set<String> {
        var seen: Set<String> = []
        var open = manifest.uses(of: name) ?? []
        while let next = open.popLast() {
            if seen.insert(next).inserted { open += manifest.uses(of: next) ?? [] }
        }
        return seen
    }
}
