import Model
import PluginKit
import RemotePlugins
import Synchronization

/// Counts for observers' servers: an observer of all flows, whatever GUIDs their handlers name.
///
/// ## Concurrency
/// Called on its worker, one call after another, and on the control loop before the couriers run;
/// the mutex says so to the compiler.
final class ObserverKeeper: FlowObserver {
    private let store: Mutex<ObserverStore>

    init(_ store: sending ObserverStore) { self.store = Mutex(store) }

    func observe(_ batch: FlowBatch) async throws -> [FlowRuling] {
        try store.withLock { try $0.take(batch) }
        return []
    }

    /// Says which channels there are, and which of them are told counts.
    func setChannels(
        _ channels: Set<ObserverStore.Channel>, counting: Set<ObserverStore.Channel>
    ) throws {
        try store.withLock { try $0.setChannels(channels, counting: counting) }
    }

    /// Lets a channel tell what its service is now.
    func announce(
        _ states: [ObserverMessage.State], on channel: ObserverStore.Channel
    ) throws {
        try store.withLock { store in
            for state in states { try store.announce(state, on: channel) }
        }
    }

    /// What a channel tells next.
    func parcel(
        for channel: ObserverStore.Channel, resetsTraffic: Bool, isDue: Bool
    ) throws -> ObserverStore.Parcel? {
        try store.withLock {
            try $0.parcel(for: channel, resetsTraffic: resetsTraffic, isDue: isDue)
        }
    }

    /// A server has taken a message.
    func taken(_ id: Int64) throws { try store.withLock { try $0.taken(id) } }
}
