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

    /// Flows of services that open from a moment on count towards these as well.
    func add(_ quotas: [String: [Quota]], fromMilliseconds moment: Int64) {
        store.withLock { $0.add(quotas, fromMilliseconds: moment) }
    }

    /// Flows count towards these quotas alone, of those that were added.
    func keepOnly(_ quotas: [String: [Quota]]) { store.withLock { $0.keepOnly(quotas) } }

    /// Forgets what was used of a quota in its present period.
    func reset(_ quota: Quota, atMilliseconds moment: Int64) throws {
        try store.withLock { try $0.reset(quota, atMilliseconds: moment) }
    }

    /// Tells quotas what was used of them before.
    func restore(_ quotas: [Quota], atMilliseconds moment: Int64) throws {
        try store.withLock { store in
            for quota in quotas { try store.restore(quota, atMilliseconds: moment) }
        }
    }
}
