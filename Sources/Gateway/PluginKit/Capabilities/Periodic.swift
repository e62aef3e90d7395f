/// Does work at regular times, whether flows move or not: reports, retention, renewals.
public protocol Periodic: Sendable {
    /// Milliseconds from the end of one `tick` to the next, at least 100. Asked once, after the
    /// plugin has started.
    var tickMilliseconds: Int { get }
    /// Does what is due now. Called on the plugin's worker, from its start to its drain, and never
    /// while the last one still runs. A throw is logged; the next tick comes all the same.
    func tick() async throws
}
