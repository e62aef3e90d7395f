package import Model
package import Options

/// Names with fixed addresses.
package struct HostsOptions: Sendable {
    /// One address with its names.
    package struct Mapping: Sendable {
        /// The address.
        package let address: IPAddress
        /// Names in lower case. `.example` stands for every name below it, `.` for every name.
        package let names: [String]

        init(address: IPAddress, names: [String]) {
            self.address = address
            self.names = names
        }
    }

    /// Unique among hosts.
    package let name: Located<String>
    /// Mappings of the configuration itself, in its order.
    package let inline: [Mapping]
    /// Mappings that the file had when the configuration was loaded.
    package let fromFile: [Mapping]
    /// The file, if there is one.
    package let file: ListFile?

    init(name: Located<String>, inline: [Mapping], fromFile: [Mapping], file: ListFile?) {
        self.name = name
        self.inline = inline
        self.fromFile = fromFile
        self.file = file
    }

    /// All mappings, the configuration's own first.
    package var mappings: [Mapping] { inline + fromFile }
}
