package import Configuration
import Options
package import PluginKit

/// A configuration that was loaded and whose plugins' options were read: all that is known before
/// anything starts.
package struct PreparedConfiguration: Sendable {
    /// The configuration with the findings of the plugins' options.
    package let loaded: LoadedConfiguration
    /// The plugins, in file order.
    package let plugins: [PreparedPlugin]

    /// Reads the options of every plugin against the table of those compiled in.
    package init(_ loaded: LoadedConfiguration, descriptors: [PluginDescriptor]) {
        var findings: [Diagnostic] = []
        var plugins: [PreparedPlugin] = []
        for entry in loaded.options.plugins {
            guard let descriptor = descriptors.first(where: { $0.type == entry.type.value })
            else {
                findings.append(Self.unknown(entry.type, descriptors))
                continue
            }
            var reader = OptionReader(entry.options, unknownKeys: loaded.unknownKeys)
            let settings = descriptor.readSettings(&reader)
            findings += reader.finish()
            plugins.append(
                PreparedPlugin(
                    guid: entry.guid.value, type: entry.type.value, settings: settings,
                    descriptor: descriptor))
        }
        findings += loaded.options.quotas.compactMap { QuotaSet.objection(to: $0) }
        self.loaded = loaded.adding(findings)
        self.plugins = plugins
    }

    private static func unknown(
        _ type: Located<String>, _ descriptors: [PluginDescriptor]
    ) -> Diagnostic {
        let types = descriptors.map(\.type)
        let built = types.isEmpty ? "no plugin is built in" : types.joined(separator: ", ")
        return Diagnostic(
            .error, at: type.location, "no plugin of type '\(type.value)'",
            hint: "built in: \(built)")
    }
}
