import Limiting
import PluginKit
import Synchronization

/// Keeps what is used of quotas: an observer of all flows, whatever GUIDs their handlers name.
///
/// ## Concurrency
/// Called on its worker, one call after another; the mutex says so to the compiler.
final class QuotaKeeper: FlowObserver {
    private let store: Mutex<QuotaStore>

    init(_ store: sending QuotaStore) { self.store = Mutex(store) }

    func observe(_ batch: FlowBatch) async throws -> [FlowRuling] {
        try store.withLock { try $0.take(batch) }
        return []
    }

    /// Which quotas a service's flows count towards, from now on.
    func setQuotas(_ quotas: [String: [Quota]]) { store.withLock { $0.quotas = quotas } }

    /// Tells the quotas what was used of them before this start.
    func restore(atMilliseconds moment: Int64) throws {
        try store.withLock { try $0.restore(atMilliseconds: moment) }
    }
}
