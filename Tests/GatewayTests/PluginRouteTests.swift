import Assembly
import Configuration
import Inbound
import KernelTesting
import Loop
import Model
import Options
import PluginKit
import Routing
import Testing

/// A plugin with a page, a stream, a page of its own access, and a number.
private final class Pages: Plugin, Routes, Metrics {
    static let type = "pages"

    struct Nothing: PluginSettings {
        init(from reader: inout OptionReader) {}
    }

    struct Broken: Error {}

    init(settings: Nothing, host: PluginHost) throws {}

    func install(in points: inout ExtensionPoints) {
        points.add(routes: self)
        points.add(metrics: self)
    }

    let routes = [
        Route(path: "/pages/"), Route(path: "/hook", access: .own, bodyBytes: 10),
    ]

    func answer(_ request: RouteRequest) async throws -> RouteResponse {
        switch request.path {
        case "/pages/throws":
            throw Broken()
        case "/pages/stream":
            return RouteResponse(
                status: 200,
                body: .stream { send in
                    for text in ["one ", "two"] { try await send(Array(text.utf8)) }
                })
        default:
            let body = String(decoding: try await request.body.whole(), as: UTF8.self)
            return RouteResponse(
                status: 200, text: "\(request.path) \(request.user ?? "nobody") \(body)")
        }
    }

    func samples() async -> [MetricSample] {
        [
            MetricSample(name: "pages", labels: [("kind", "a\"b")], value: 3),
            MetricSample(name: "no name", labels: [], value: 1),
        ]
    }
}

@Suite("What plugins answer over HTTP", .serialized)
struct PluginRouteTests {
    private static let api = Endpoint(.loopbackV4, 18080)
    private static let metrics = Endpoint(.loopbackV4, 19090)

    private let simulation = Simulation(seed: 1, loops: 0)
    private let kept = Kept()

    /// Keeps the gateway while a test asks it.
    ///
    /// ## Concurrency
    /// One thread: the test's.
    private final class Kept {
        var outcome: Result<Gateway, StartFault>?
    }

    /// Starts a gateway; what is wrong, or nil.
    private func start(_ control: String) throws -> String? {
        let environment = SimulatedEnvironment(simulation, KernelTally(forwarderPort: 1))
        environment.beginLife()
        let home = try environment.makeLoop(name: "home", index: -1)
        let text =
            "services: [ { name: s, addr: \"127.0.0.1:1080\", handler: { type: socks5 } } ]\n"
            + "plugins: [ { guid: p, type: pages } ]\n" + control
        let prepared = PreparedConfiguration(
            Configuration.load(bytes: Array(text.utf8), file: "test.yaml"),
            descriptors: [PluginDescriptor(Pages.self)])
        guard !prepared.loaded.isRefused else { return prepared.loaded.renderedDiagnostics }
        let plan = Gateway.Plan(
            configuration: prepared, environment: environment, home: home,
            journal: Journal(threshold: .fatal) { _, _, _ in }, logWriter: nil,
            registry: StatsReporterRegistry(), loopCount: 1,
            pool: try BlockingPool(threads: 0, capacity: 1),
            systemFiles: SystemFiles(
                read: { SystemFiles.Contents(hosts: "", resolver: "", nameServices: "") },
                askLibrary: { _ in nil }, isOwnAddress: { _ in false }))
        let kept = kept
        home.perform { loop in
            loop.start {
                do throws(StartFault) {
                    kept.outcome = .success(try await Gateway.start(plan))
                } catch {
                    kept.outcome = .failure(error)
                }
            }
        }
        _ = simulation.run(limitMilliseconds: 30_000, until: { kept.outcome != nil })
        if case .failure(let fault) = kept.outcome { return fault.description }
        return nil
    }

    private func ask(_ endpoint: Endpoint, _ request: String) throws -> String {
        let client = try simulation.peer("127.0.0.1").connect(to: endpoint)
        client.send(request)
        client.finish()
        simulation.run(milliseconds: 3000)
        return String(decoding: client.received, as: UTF8.self)
    }

    private func get(_ path: String, _ fields: String = "") throws -> String {
        try ask(Self.api, "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(fields)\r\n")
    }

    @Test
    func `routes are below the API's prefix, streamed or whole, behind its login or their own`()
        throws
    {
        let fault = try start(
            "api: { addr: \"127.0.0.1:18080\", auth: { username: op, password: pw } }\n")
        #expect(fault == nil)
        let login = "Authorization: Basic b3A6cHc=\r\n"
        let whole = try get("/pages/a?b", login)
        #expect(whole.hasSuffix("\r\n\r\n/pages/a op "))
        let stream = try get("/pages/stream", login)
        #expect(stream.hasSuffix("\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"))
        let throwing = try get("/pages/throws", login)
        #expect(throwing.hasPrefix("HTTP/1.1 502 "))
        let unknown = try get("/pages/a")
        #expect(unknown.hasPrefix("HTTP/1.1 401 "))
        let hook = try ask(
            Self.api, "POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi")
        #expect(hook.hasSuffix("\r\n\r\n/hook nobody hi"))
        let long = try ask(
            Self.api, "POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n")
        #expect(long.hasPrefix("HTTP/1.1 413 "))
    }

    @Test func `routes without an API stop the start`() throws {
        let fault = try start("")
        #expect(fault?.contains("there is no api:") == true)
    }

    @Test func `numbers of plugins stand among the metrics, if they have a name`() throws {
        let fault = try start(
            "api: { addr: \"127.0.0.1:18080\" }\nmetrics: { addr: \"127.0.0.1:19090\" }\n")
        #expect(fault == nil)
        let page = try ask(Self.metrics, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(page.contains("\nweir_plugin_pages{guid=\"p\",kind=\"a\\\"b\"} 3.0\n"))
        #expect(!page.contains("no name"))
        #expect(page.contains("\ngost_services{host=\"localhost\"} 1\n"))
    }
}
