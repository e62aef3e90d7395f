import Synchronization

/// Reporters by GUID. The process has one, `shared`; tests make their own.
///
/// ## Concurrency
/// Any thread may call it; a lock protects the table. Flows never look here: the metering thread
/// does, once per batch.
public final class StatsReporterRegistry: Sendable {
    /// The process's registry, which `registerStatsReporter` fills.
    public static let shared = StatsReporterRegistry()

    private struct State {
        var reporters: [String: any TrafficStatsReporter] = [:]
        var observers: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    /// An empty registry.
    public init() {}

    /// Registers under a GUID, replacing what was there. An empty GUID is ignored.
    public func register(guid: String, _ reporter: any TrafficStatsReporter) {
        guard !guid.isEmpty else { return }
        change { $0[guid] = reporter }
    }

    /// Forgets a GUID; an unknown one is no error. Packets already queued are not delivered.
    public func unregister(guid: String) {
        change { $0[guid] = nil }
    }

    /// The reporter of a GUID, or nil.
    public func reporter(guid: String) -> (any TrafficStatsReporter)? {
        state.withLock { $0.reporters[guid] }
    }

    /// The GUIDs that have a reporter now.
    public var guids: Set<String> { state.withLock { Set($0.reporters.keys) } }

    /// Whether no GUID has a reporter.
    public var isEmpty: Bool { state.withLock { $0.reporters.isEmpty } }

    /// Calls `observer` after every change, on the thread that made it.
    public func observeChanges(_ observer: @escaping @Sendable () -> Void) {
        state.withLock { $0.observers.append(observer) }
    }

    private func change(_ body: (inout [String: any TrafficStatsReporter]) -> Void) {
        let observers = state.withLock { state in
            body(&state.reporters)
            return state.observers
        }
        for observer in observers { observer() }
    }
}

/// Registers a reporter for a GUID. It may come before or after the gateway starts; the latest
/// wins.
public func registerStatsReporter(guid: String, _ reporter: any TrafficStatsReporter) {
    StatsReporterRegistry.shared.register(guid: guid, reporter)
}

/// Removes the reporter of a GUID. It gets no further callbacks.
public func unregisterStatsReporter(guid: String) {
    StatsReporterRegistry.shared.unregister(guid: guid)
}
