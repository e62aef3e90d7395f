import Assembly
import Configuration
import Model
import Options

/// What `weir check` prints for a configuration that is accepted.
enum ConfigurationSummary {
    static func text(_ prepared: PreparedConfiguration) -> String {
        let options = prepared.loaded.options
        var lines: [String] = []
        for service in options.services {
            let guids = service.handler.statistics.guids.map(\.value).joined(separator: ", ")
            lines.append(
                "service \(service.name.value): \(service.handler.type.value) on "
                    + "\(service.address.value)/\(service.listener.transport.name)"
                    + (service.handler.isOpen ? ", open to everybody who reaches it" : "")
                    + (guids.isEmpty ? ", metered by no plugin" : ", metered by \(guids)"))
        }
        for plugin in prepared.plugins {
            lines.append("plugin \(plugin.guid): \(plugin.type)")
        }
        for guid in options.unknownGUIDs {
            lines.append(
                "warning: \(guid.location): no plugin has GUID '\(guid.value)'; unless code "
                    + "registers it, nobody meters its flows")
        }
        let warnings = prepared.loaded.diagnostics.count
        lines.append("ok" + (warnings == 0 ? "" : ", with \(warnings) warning(s)"))
        return lines.joined(separator: "\n")
    }
}
