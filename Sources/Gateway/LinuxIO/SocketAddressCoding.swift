import CLinux
import Model

extension Endpoint {
    /// An endpoint that the kernel named; all zero stands for one without address.
    init(_ shim: weir_endpoint) {
        self.init(IPAddress(high: shim.high, low: shim.low), shim.port)
    }

    /// The form in which the shims take an endpoint.
    var shim: weir_endpoint {
        weir_endpoint(high: address.high, low: address.low, port: port)
    }

    /// What a Unix socket's address is reported as.
    static let unnamed = Endpoint(.anyV6, 0)
}

/// Which addresses a socket speaks.
enum SocketFamily: UInt8 {
    case v4
    case v6

    /// The family in which an address is reached.
    init(of address: IPAddress) { self = address.isV4 ? .v4 : .v6 }

    /// The number the shims know it by.
    var shim: Int32 {
        switch self {
        case .v4: Int32(WEIR_V4)
        case .v6: Int32(WEIR_V6)
        }
    }
}
