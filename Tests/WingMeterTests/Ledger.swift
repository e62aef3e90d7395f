import Model
import Storage

@testable import WingMeter

/// What a database says, read in the plainest way.
struct Ledger {
    /// One row of usage.
    struct Line: Hashable {
        var bucket: Int64
        var user: String
        var service: String
        var transport: String
        var destination: String
    }

    /// Flows that began, and counts.
    struct Sum: Hashable {
        var flows: Int64 = 0
        var counts = FlowCounts()
    }

    let usage: [Line: Sum]
    /// By flow: last counts, and whether it ended.
    let flows: [[UInt8]: (counts: FlowCounts, isClosed: Bool)]

    init(path: String) throws {
        let database = try Database(path: path, access: .readOnly)
        let lines = try database.rows(
            """
            SELECT bucket, s.user, s.service, s.protocol, destination, flows, \(CountColumns.list)
            FROM wing_usage u JOIN wing_subject s ON s.id = u.subject
            """
        ) { row in
            (
                Line(
                    bucket: row.integer(0), user: row.text(1) ?? "", service: row.text(2) ?? "",
                    transport: row.text(3) ?? "", destination: row.text(4) ?? ""),
                Sum(flows: row.integer(5), counts: row.counts(from: 6))
            )
        }
        usage = Dictionary(uniqueKeysWithValues: lines)
        flows = Dictionary(
            uniqueKeysWithValues: try database.rows(
                "SELECT flow, closed, \(CountColumns.list) FROM wing_flow"
            ) { row in (row.blob(0), (row.counts(from: 2), !row.isNull(1))) })
    }

    /// Everything in the usage table.
    var total: Sum {
        usage.values.reduce(into: Sum()) { total, sum in
            total.flows += sum.flows
            total.counts.add(sum.counts)
        }
    }

    /// Everything in the table of flows.
    var totalOfFlows: Sum {
        flows.values.reduce(into: Sum()) { total, flow in
            total.flows += 1
            total.counts.add(flow.counts)
        }
    }
}
