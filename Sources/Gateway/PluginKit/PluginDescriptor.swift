public import Options

/// A plugin type with its settings type erased: one line in the table of compiled-in plugins.
public struct PluginDescriptor: Sendable {
    /// What `type:` names.
    public let type: String
    /// The commands it adds.
    public let commands: [PluginCommand]
    /// Reads `options:`; problems stay in the reader.
    public let readSettings: @Sendable (inout OptionReader) -> any PluginSettings
    /// Makes an instance from settings that `readSettings` returned.
    public let make: @Sendable (any PluginSettings, PluginHost) throws -> any Plugin

    /// Describes `P`.
    public init<P: Plugin>(_: P.Type) {
        type = P.type
        commands = P.commands
        readSettings = { reader in P.Settings(from: &reader) }
        make = { settings, host in
            guard let settings = settings as? P.Settings else {
                preconditionFailure("settings of another plugin were handed to '\(P.type)'")
            }
            return try P(settings: settings, host: host)
        }
    }
}
