/// Words of gost's schema, so that each is told from a slip of the fingers, whether we have it yet
/// or not.
enum GostVocabulary {
    /// Names of the SOCKS handler.
    static let socksHandlers = ["socks5", "socks", "socks4", "socks4a"]
    /// Handler types of this version.
    static let handlers = socksHandlers + ["http", "auto", "tcp", "udp", "forward"]
    /// Handler types of gost that are not here yet.
    static let laterHandlers = [
        "relay", "tungo", "tun", "tap", "tunnel", "rtcp", "rudp", "dns", "file",
        "http2", "http3", "metrics", "red", "redir", "redirect", "redu", "router", "serial", "sni",
        "ss", "ssu", "sshd", "unix", "api", "masque",
    ]
    /// Listener types of this version.
    static let listeners = ["tcp", "udp"]
    /// Listener types of gost that are not here yet.
    static let laterListeners = [
        "tls", "mtls", "mtcp", "ws", "wss", "mws", "mwss", "dtls", "tun", "tungo", "tap", "rtcp",
        "rudp", "dns", "ftcp", "grpc", "http2", "h2", "h2c", "http3", "h3", "wt", "icmp", "icmp6",
        "kcp", "ohttp", "otls", "pht", "phts", "quic", "red", "redir", "redirect", "redu", "serial",
        "ssh", "sshd", "unix", "runix", "masque",
    ]

    /// Connector types of this version.
    static let connectors = ["http", "socks5", "socks", "forward", "tcp"]
    /// Connector types of gost that are not here yet.
    static let laterConnectors = [
        "relay", "direct", "dns", "http2", "masque", "router", "serial", "sni", "socks4",
        "socks4a", "ss", "ssu", "sshd", "tunnel", "unix", "virtual",
    ]
    /// Dialer types of this version.
    static let dialers = ["tcp"]
    /// Dialer types of gost that are not here yet.
    static let laterDialers = [
        "tls", "mtls", "mtcp", "ws", "wss", "mws", "mwss", "dtls", "udp", "direct", "virtual",
        "ftcp", "grpc", "http2", "h2", "h2c", "http3", "h3", "masque", "icmp", "icmp6", "kcp",
        "obfs", "ohttp", "otls", "pht", "phts", "quic", "serial", "ssh", "sshd", "unix", "wg",
        "wt",
    ]

    /// Top-level keys that only define objects; without them nothing of ours changes.
    static let laterTopLevel = [
        "ingresses", "routers", "sds", "recorders", "rewriters", "caches", "loggers",
        "tls", "profiling",
    ]

    /// Keys of a service that decide who gets through, how, or what is counted.
    static let decisiveServiceKeys = [
        "rewriter"
    ]
    /// Keys of a service that change nothing of that.
    static let laterServiceKeys = ["cache", "logger", "loggers", "recorders", "status"]
    /// Keys of a service's metadata that decide.
    static let decisiveServiceMetadata = [
        "netns", "netns.out", "preUp", "preDown", "postUp", "postDown",
    ]
    /// Keys of a service's metadata that do not.
    static let laterServiceMetadata = [
        "labels"
    ]

    /// Keys of a handler that decide.
    static let decisiveHandlerKeys = ["tls"]
    /// Keys of handler metadata that do not change what we do.
    static let laterHandlerMetadata = [
        "sniffing", "sniffing.timeout",
        "sniffing.websocket", "sniffing.websocket.sampleRate", "sniffing.responseTimeout",
        "sniffing.fallback", "sniffing.udp", "mitm.certFile", "mitm.caCertFile", "mitm.keyFile",
        "mitm.caKeyFile", "mitm.alpn", "mitm.bypass",
    ]
    /// Keys of the multiplexing that gost's mbind uses.
    static let multiplexing = [
        "mux.type", "mux.version", "mux.keepaliveDisabled", "mux.keepaliveInterval",
        "mux.keepaliveTimeout", "mux.maxFrameSize", "mux.maxReceiveBuffer", "mux.maxStreamBuffer",
        "mux.maxStreamWindow",
    ]
    /// What gost's command line copies into metadata although another place reads it.
    static let copiedByCommandLine = [
        "admission", "bypass", "resolver", "hosts", "limiter.in", "limiter.out", "limiter.conn.in",
        "limiter.conn.out", "climiter", "rlimiter", "retries", "prefer", "dns", "auth",
    ]
}
