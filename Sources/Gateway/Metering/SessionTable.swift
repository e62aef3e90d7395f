package import Model
import Synchronization

/// Sessions of users: one (user, node) lease each, begun by a user's first flow and kept until
/// `idleMilliseconds` after the last has ended. Without nodes the gateway itself is the node.
///
/// ## Concurrency
/// Shared by all loops; a lock protects the table. It is taken once per flow, never per packet.
package final class SessionTable: Sendable {
    private struct Lease {
        var id: SessionID
        var openFlows: Int
        var endedMilliseconds: Int64
    }

    private let leases = Mutex<[String: Lease]>([:])
    private let idleMilliseconds: Int64

    /// A table whose leases outlive their last flow by `idleMilliseconds`.
    package init(idleMilliseconds: Int64 = Int64(Limits.sessionIdleMilliseconds)) {
        self.idleMilliseconds = idleMilliseconds
    }

    /// The session of a flow that opens now; `random` makes a new one where none is running.
    package func begin(
        user: String, nowMilliseconds: Int64, random: () -> UInt64
    ) -> SessionID? {
        leases.withLock { leases in
            if var lease = leases[user],
                lease.openFlows > 0 || nowMilliseconds - lease.endedMilliseconds < idleMilliseconds
            {
                lease.openFlows += 1
                leases[user] = lease
                return lease.id
            }
            if leases.count >= Limits.sessions { evict(&leases, nowMilliseconds) }
            guard leases.count < Limits.sessions else { return nil }
            let id = SessionID(random: random(), random())
            leases[user] = Lease(id: id, openFlows: 1, endedMilliseconds: nowMilliseconds)
            return id
        }
    }

    /// A flow of the user has ended.
    package func end(user: String, nowMilliseconds: Int64) {
        leases.withLock { leases in
            guard var lease = leases[user] else { return }
            lease.openFlows -= 1
            lease.endedMilliseconds = nowMilliseconds
            leases[user] = lease
        }
    }

    private func evict(_ leases: inout [String: Lease], _ now: Int64) {
        leases = leases.filter {
            $0.value.openFlows > 0 || now - $0.value.endedMilliseconds < idleMilliseconds
        }
    }
}
