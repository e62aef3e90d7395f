/// Receives a callback for every datagram: the reporter interface of gost's `tungo` handler.
///
/// Registered by GUID with `registerStatsReporter(guid:_:)` or attached by a plugin; called for
/// handlers whose `statsGUID` names that GUID. Semantics (the interface's documentation, not what
/// its first implementation did):
/// - `rx` is client → destination with `source` = client; `tx` is destination → client with
///   `source` = destination. Start and end carry client, destination.
/// - `byteCount` is UDP payload, more than 0: zero-length datagrams are metered but not reported.
/// - TCP is not reported unless the handler says `stats.tcp: true`; then a packet is a read that
///   was moved on.
/// - A handler with `stats.compat: aerocore` swaps the names `rx` and `tx`, and gives every packet
///   source = client, destination = destination when it is `rx`, and destination, client when it
///   is `tx`.
/// - Addresses are `ip:port`, IPv6 in brackets.
///
/// Calls come one after another on the reporter's own thread, start first, end last. A reporter
/// that is slow delays only itself; callbacks over `Limits.packetsPerReporter` are dropped and
/// counted by GUID.
public protocol TrafficStatsReporter: Sendable {
    /// A datagram was delivered.
    func onPacket(
        _ protocol: String, direction: String, source: String, destination: String, byteCount: Int)
    /// A flow opened. Default: nothing.
    func onConnectionStart(_ protocol: String, source: String, destination: String)
    /// A flow ended. Default: nothing.
    func onConnectionEnd(_ protocol: String, source: String, destination: String)
}

extension TrafficStatsReporter {
    /// Ignores starts.
    public func onConnectionStart(_ protocol: String, source: String, destination: String) {}
    /// Ignores ends.
    public func onConnectionEnd(_ protocol: String, source: String, destination: String) {}
}
