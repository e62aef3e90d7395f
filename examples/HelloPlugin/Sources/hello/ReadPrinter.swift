import PluginKit

/// The plain interface: a call for every datagram, and for every read of a TCP flow when the
/// handler says `stats.tcp: true`.
struct ReadPrinter: TrafficStatsReporter {
    func onPacket(
        _ protocol: String, direction: String, source: String, destination: String, byteCount: Int
    ) {
        print("\(`protocol`) \(direction) \(source) > \(destination) \(byteCount) bytes")
    }

    func onConnectionEnd(_ protocol: String, source: String, destination: String) {
        print("\(`protocol`) end \(source) > \(destination)")
    }
}
