import Storage

extension UsageStore {
    /// Rows forgotten in one pass. A pass is part of a batch's transaction: about 10 ms.
    static let rowsPerPass: Int64 = 2000

    /// Forgets what is older than it is kept for, a bounded part of it; true while more is left.
    ///
    /// A forgotten row of an ended flow is a lost tombstone, so the floor rises over it: a
    /// recovered flow from below the floor that has no row is one that was counted before.
    func forget(usageBefore: Int64, flowsBefore: Int64) throws -> Bool {
        let usage = try forgetUsage(before: UsageBucket.of(usageBefore))
        let flows = try forgetFlows(before: flowsBefore)
        return usage || flows
    }

    private func forgetUsage(before bucket: Int64) throws -> Bool {
        try database.rows(
            """
            DELETE FROM wing_usage WHERE (bucket, subject, destination) IN (
                SELECT bucket, subject, destination FROM wing_usage
                WHERE bucket < ?1 AND subject IN (SELECT id FROM wing_subject WHERE meter = ?2)
                LIMIT ?3)
            RETURNING 1
            """, [.integer(bucket), .integer(meter), .integer(Self.rowsPerPass)]
        ) { _ in }.count == Int(Self.rowsPerPass)
    }

    /// Ended flows, and flows of dead runs that nobody will end any more.
    private func forgetFlows(before moment: Int64) throws -> Bool {
        let opened = try database.rows(
            """
            DELETE FROM wing_flow WHERE (opened, flow, meter) IN (
                SELECT opened, flow, meter FROM wing_flow
                WHERE opened < ?1 AND meter = ?2 AND updated < ?1
                    AND (closed IS NOT NULL
                        OR boot <> (SELECT boot FROM wing_meter WHERE id = ?2))
                LIMIT ?3)
            RETURNING opened
            """, [.integer(moment), .integer(meter), .integer(Self.rowsPerPass)]
        ) { $0.integer(0) }
        if let last = opened.max() { try raiseFloor(to: last + 1) }
        return opened.count == Int(Self.rowsPerPass)
    }
}
