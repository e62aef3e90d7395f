import Glibc
import LinuxIO
import Model
import Routing

/// The system's files for names, and the C library's resolver.
enum SystemNames {
    /// The real files.
    static var files: SystemFiles {
        SystemFiles(
            read: {
                SystemFiles.Contents(
                    hosts: text("/etc/hosts"), resolver: text("/etc/resolv.conf"),
                    nameServices: text("/etc/nsswitch.conf"))
            },
            askLibrary: { askLibrary($0) }, isOwnAddress: { LocalRoute.leads(to: $0) })
    }

    /// A missing file says nothing, as for the C library.
    private static func text(_ path: String) -> String {
        guard let bytes = try? ConfigurationFiles.read(path) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func askLibrary(_ name: String) -> [IPAddress]? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &first) == 0 else { return nil }
        defer { freeaddrinfo(first) }
        var addresses: [IPAddress] = []
        var next = first
        while let entry = next {
            next = entry.pointee.ai_next
            var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            guard
                getnameinfo(
                    entry.pointee.ai_addr, entry.pointee.ai_addrlen, &host, socklen_t(host.count),
                    nil, 0, NI_NUMERICHOST) == 0
            else { continue }
            let text = String(
                decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if let address = IPAddress(text) { addresses.append(address) }
        }
        return addresses
    }
}
