package import Model

/// The files by which the system resolves names, and which addresses are the machine's: asked now
/// and again, since networks change under a running gateway.
package struct SystemFiles: Sendable {
    /// What the files said when they were read.
    package struct Contents: Sendable {
        /// `/etc/hosts`.
        package var hosts: HostsTable
        /// `/etc/resolv.conf`.
        package var resolver: ResolverConfiguration
        /// `/etc/nsswitch.conf`.
        package var nameServices: NameServiceSwitch

        /// Contents from the files' texts; a missing file is an empty text.
        package init(hosts: String, resolver: String, nameServices: String) {
            var table = HostsTable()
            // Lines that make no sense are the administrator's; the C library skips them as well.
            _ = table.add(file: hosts)
            self.hosts = table
            self.resolver = ResolverConfiguration(parsing: resolver)
            self.nameServices = NameServiceSwitch(parsing: nameServices)
        }
    }

    /// Reads the files; blocks.
    package let read: @Sendable () -> Contents
    /// Asks the C library; blocks. Nil where it does not know the name.
    package let askLibrary: @Sendable (String) -> [IPAddress]?
    /// Whether an address is the machine's own now.
    package let isOwnAddress: @Sendable (IPAddress) -> Bool

    package init(
        read: @escaping @Sendable () -> Contents,
        askLibrary: @escaping @Sendable (String) -> [IPAddress]?,
        isOwnAddress: @escaping @Sendable (IPAddress) -> Bool
    ) {
        self.read = read
        self.askLibrary = askLibrary
        self.isOwnAddress = isOwnAddress
    }
}
