package import Model
package import Options

/// Entries of a list of hosts: those of the configuration and those of a file, together.
package struct HostListOptions: Sendable {
    /// Entries of the configuration itself.
    package let inline: [HostPattern]
    /// Entries that the file had when the configuration was loaded.
    package let fromFile: [HostPattern]
    /// The file, if there is one.
    package let file: ListFile?

    init(inline: [HostPattern], fromFile: [HostPattern], file: ListFile?) {
        self.inline = inline
        self.fromFile = fromFile
        self.file = file
    }

    /// All entries.
    package var patterns: [HostPattern] { inline + fromFile }
}

/// A list of clients that are let in, or of those that are not.
package struct AdmissionOptions: Sendable {
    /// Unique among admissions.
    package let name: Located<String>
    /// Whether only clients of the list are let in; otherwise all but them are.
    package let isWhitelist: Bool
    /// The clients.
    package let clients: HostListOptions

    init(name: Located<String>, isWhitelist: Bool, clients: HostListOptions) {
        self.name = name
        self.isWhitelist = isWhitelist
        self.clients = clients
    }
}

/// A list of destinations that are not served, or of the only ones that are.
package struct BypassOptions: Sendable {
    /// Unique among bypasses.
    package let name: Located<String>
    /// Whether only destinations of the list are served; otherwise all but them are.
    package let isWhitelist: Bool
    /// What it is about; nil is TCP and UDP.
    package let transport: TransportProtocol?
    /// The destinations.
    package let destinations: HostListOptions

    init(
        name: Located<String>, isWhitelist: Bool, transport: TransportProtocol?,
        destinations: HostListOptions
    ) {
        self.name = name
        self.isWhitelist = isWhitelist
        self.transport = transport
        self.destinations = destinations
    }
}
