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
    /// In file order, the file's own first.
    package let mappings: [Mapping]

    init(name: Located<String>, mappings: [Mapping]) {
        self.name = name
        self.mappings = mappings
    }
}
