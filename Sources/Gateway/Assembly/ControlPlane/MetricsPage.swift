import Configuration
import Inbound
import Loop
import Model
import PluginKit

/// The metrics of the gateway, under gost's names where it has them.
///
/// Labels are bounded: services, protocols, causes, plugins and loops, never clients. gost's label
/// `client` is therefore missing.
///
/// ## Concurrency
/// Confined to the control loop.
final class MetricsPage {
    private unowned let gateway: Gateway

    init(_ gateway: Gateway) { self.gateway = gateway }

    func answer(_ request: RouteRequest) async -> RouteResponse {
        guard request.method == "GET" || request.method == "HEAD" else {
            return RouteResponse(status: 405, fields: [("Allow", "GET, HEAD")])
        }
        return RouteResponse(
            status: 200,
            fields: [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")],
            body: Array(await text().utf8))
    }

    private func text() async -> String {
        var page = MetricsText()
        let (open, lags) = await gateway.collectFlows()
        let sums = gateway.totals.sums(with: open).sorted { $0.key < $1.key }
        let host = gateway.configuration.loaded.options.runtime.node ?? gateway.environment.hostName
        writeServices(sums, host, &page)
        writeFlows(sums, &page)
        writeLoops(lags, &page)
        writePlugins(&page)
        await writeSamples(&page)
        return page.text
    }

    private typealias Sums = [(key: ServiceTotals.Key, value: ServiceTotals.Sums)]

    /// gost's metrics: a service's protocols together.
    private func writeServices(_ sums: Sums, _ host: String, _ page: inout MetricsText) {
        let names = gateway.endpoints.map(\.service)
        page.begin("gost_services", .gauge, "Current number of services")
        page.sample("gost_services", [("host", host)], names.count)
        func write(
            _ name: String, _ kind: MetricsText.Kind, _ help: String,
            _ value: (ServiceTotals.Sums) -> UInt64
        ) {
            page.begin(name, kind, help)
            for service in names {
                let total = sums.filter { $0.key.service == service }
                    .reduce(UInt64(0)) { $0 &+ value($1.value) }
                page.sample(name, [("host", host), ("service", service)], total)
            }
        }
        write("gost_service_requests_total", .counter, "Total number of requests") { $0.flows }
        write("gost_service_requests_in_flight", .gauge, "Current in-flight requests") { $0.open }
        write(
            "gost_service_transfer_input_bytes_total", .counter,
            "Total service input data transfer size in bytes"
        ) { $0.counts.uplinkBytes }
        write(
            "gost_service_transfer_output_bytes_total", .counter,
            "Total service output data transfer size in bytes"
        ) { $0.counts.downlinkBytes }
        write(
            "gost_service_handler_errors_total", .counter, "Total service handler errors"
        ) { $0.errors }
        writeDurations(sums, names, host, &page)
    }

    private func writeDurations(
        _ sums: Sums, _ names: [String], _ host: String, _ page: inout MetricsText
    ) {
        let name = "gost_service_request_duration_seconds"
        page.begin(name, .histogram, "Distribution of request latencies")
        for service in names {
            let all = sums.filter { $0.key.service == service }.map(\.value.durations)
            let labels = [("host", host), ("service", service)]
            for (index, step) in ServiceTotals.Histogram.steps.enumerated() {
                let count = all.reduce(UInt64(0)) { $0 + $1.buckets[index] }
                let text = step == step.rounded() ? String(Int(step)) : String(step)
                page.sample(name + "_bucket", labels + [("le", text)], count)
            }
            let count = all.reduce(UInt64(0)) { $0 + $1.count }
            page.sample(name + "_bucket", labels + [("le", "+Inf")], count)
            page.sample(name + "_sum", labels, all.reduce(0.0) { $0 + $1.seconds })
            page.sample(name + "_count", labels, count)
        }
    }

    private func writeFlows(_ sums: Sums, _ page: inout MetricsText) {
        func write(
            _ name: String, _ kind: MetricsText.Kind, _ help: String,
            _ value: (ServiceTotals.Sums) -> UInt64
        ) {
            page.begin(name, kind, help)
            for (key, sums) in sums { page.sample(name, labels(key), value(sums)) }
        }
        write("weir_flows_open", .gauge, "Flows open now") { $0.open }
        write("weir_flows_total", .counter, "Flows since the start") { $0.flows }
        write("weir_uplink_bytes_total", .counter, "Payload from clients to destinations") {
            $0.counts.uplinkBytes
        }
        write("weir_downlink_bytes_total", .counter, "Payload from destinations to clients") {
            $0.counts.downlinkBytes
        }
        write("weir_dropped_packets_total", .counter, "Datagrams that were dropped") {
            $0.counts.droppedPackets
        }
        page.begin("weir_flow_ends_total", .counter, "Flows that have ended, by cause")
        for (key, sums) in sums {
            for cause in FlowEnd.Cause.allCases {
                guard let count = sums.causes[cause] else { continue }
                page.sample(
                    "weir_flow_ends_total", labels(key) + [("cause", cause.name)], count)
            }
        }
    }

    private func labels(_ key: ServiceTotals.Key) -> [MetricsText.Label] {
        [("service", key.service), ("protocol", key.transport.name)]
    }

    private func writeLoops(_ lags: [Double], _ page: inout MetricsText) {
        page.begin("weir_loop_lag_seconds", .gauge, "How long a loop took to answer this request")
        for (index, lag) in lags.enumerated() {
            page.sample("weir_loop_lag_seconds", [("loop", String(index))], lag)
        }
    }

    private func writePlugins(_ page: inout MetricsText) {
        let drops = gateway.drops
        page.begin("weir_plugin_dropped_flows_total", .counter, "Flows a plugin was not told of")
        for drop in drops {
            page.sample("weir_plugin_dropped_flows_total", [("guid", drop.guid)], drop.flows)
        }
        page.begin(
            "weir_plugin_dropped_packets_total", .counter, "Datagrams a plugin was not told of")
        for drop in drops {
            page.sample("weir_plugin_dropped_packets_total", [("guid", drop.guid)], drop.packets)
        }
    }

    /// What plugins contribute, each on its own thread and within a bound.
    private func writeSamples(_ page: inout MetricsText) async {
        var families: [String: [(labels: [MetricsText.Label], value: Double)]] = [:]
        for instance in gateway.plugins.instances {
            for metrics in instance.points.metrics {
                let answer = await gateway.home.ask(
                    instance.worker,
                    withinNanoseconds: UInt64(Limits.pluginAnswerMilliseconds) * 1_000_000
                ) { await metrics.samples() }
                guard case .value(let samples) = answer else { continue }
                for sample in samples.prefix(Limits.samplesPerPlugin)
                where MetricsText.isName(sample.name)
                    && sample.labels.allSatisfy({ MetricsText.isName($0.name) })
                {
                    let labels: [MetricsText.Label] =
                        [("guid", instance.guid)] + sample.labels.filter { $0.name != "guid" }
                    families["weir_plugin_\(sample.name)", default: []]
                        .append((labels, sample.value))
                }
            }
        }
        for (name, samples) in families.sorted(by: { $0.key < $1.key }) {
            page.begin(name, .gauge, "Of a plugin")
            for sample in samples { page.sample(name, sample.labels, sample.value) }
        }
    }
}
