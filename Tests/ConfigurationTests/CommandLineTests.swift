import Configuration
import Foundation
import Model
import Options
import Testing

/// A command line and the configuration that gost 0.9.0 makes of it, as its `-O yaml` prints it.
struct CommandLineVector: CustomTestStringConvertible {
    let arguments: [String]
    let yaml: String
    var testDescription: String { arguments.joined(separator: " ") }

    static let all: [CommandLineVector] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/command-lines.txt")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.components(separatedBy: "----------\n").map { part in
            let line = part.prefix { $0 != "\n" }
            return CommandLineVector(
                arguments: line.split(separator: " ").map { String($0) },
                yaml: String(part.dropFirst(line.count + 1)))
        }
    }()

    var request: ConfigurationRequest {
        var request = ConfigurationRequest()
        var rest = arguments[...]
        while let option = rest.popFirst() {
            switch option {
            case "-L": request.services.append(rest.popFirst() ?? "")
            case "-F": request.nodes.append(rest.popFirst() ?? "")
            case "-api": request.api = rest.popFirst()
            case "-metrics": request.metrics = rest.popFirst()
            case "-D": request.debugLevel += 1
            default: Issue.record("unexpected option \(option)")
            }
        }
        return request
    }
}

@Suite("Command line services")
struct CommandLineTests {
    @Test(arguments: CommandLineVector.all)
    func `the effective configuration is gost's`(vector: CommandLineVector) {
        let loaded = Configuration.load(vector.request, readingWith: noFiles)
        #expect(loaded.yaml == vector.yaml)
    }

    @Test func `there are vectors`() {
        #expect(CommandLineVector.all.count > 20)
    }

    private func load(_ services: String..., nodes: [String] = []) -> LoadedConfiguration {
        var request = ConfigurationRequest()
        request.services = services
        request.nodes = nodes
        return Configuration.load(request, readingWith: noFiles)
    }

    @Test func `a service with users, UDP and GUIDs is complete`() {
        let loaded = load(
            "socks5://alice:p%40ss@127.0.0.1:1080?udp=true&statsGUID=meter,billing&udpTimeout=30")
        #expect(loaded.renderedDiagnostics == "")
        #expect(
            loaded.options.described == """
                service service-0 at 127.0.0.1:1080
                  listener tcp ttl=5s
                  handler socks5 readTimeout=15s
                  socks udp=true bind=false udpTimeout=30s
                  user alice
                  guids ["meter", "billing"] documented tcp=false
                unknown GUID meter
                unknown GUID billing

                """)
        #expect(loaded.options.services[0].handler.credential?.password.value == "p@ss")
    }

    @Test func `a base64 user is read`() {
        let loaded = load("socks5://127.0.0.1:1080?auth=dXNlcjpwYXNz")
        #expect(loaded.options.services[0].handler.credential?.username.value == "user")
        #expect(loaded.options.services[0].handler.credential?.password.value == "pass")
        #expect(!loaded.isRefused)
    }

    @Test func `a range of ports is a service for each`() {
        let loaded = load("tcp://127.0.0.1:8000-8002/192.0.2.1:9000-9002", "udp://:53/192.0.2.1:53")
        #expect(!loaded.isRefused)
        #expect(
            loaded.options.services.map { "\($0.name.value) \($0.address.value)" } == [
                "service-0 127.0.0.1:8000", "service-1 127.0.0.1:8001",
                "service-2 127.0.0.1:8002", "service-3 [::]:53",
            ])
        #expect(
            loaded.options.services.compactMap(\.forwarder).flatMap(\.nodes)
                .map(\.destination.value.port) == [9000, 9001, 9002, 53])
    }

    @Test func `the selector of a forwarder is read`() {
        let loaded = load("tcp://127.0.0.1:1/a:1,b:2?strategy=fifo&max_fails=3")
        let forwarder = loaded.options.services[0].forwarder
        #expect(forwarder?.selector.strategy == .fifo)
        #expect(forwarder?.selector.maxFails == 3)
        #expect(forwarder?.selector.failTimeout == .seconds(30))
        #expect(!loaded.isRefused)
    }

    @Test func `a resolver and hosts are made on the way`() {
        let loaded = load("socks5://127.0.0.1:1?resolver=1.1.1.1,tcp://9.9.9.9&hosts=a.b:192.0.2.1")
        #expect(loaded.renderedDiagnostics == "")
        #expect(loaded.options.services[0].resolver?.value == "resolver-0")
        #expect(loaded.options.resolvers[0].servers.count == 2)
        #expect(loaded.options.hosts[0].mappings.map(\.names) == [["a.b"]])
    }

    @Test func `mistakes have the number of the option and the column`() {
        let loaded = load(
            "socks5://127.0.0.1:1080?udp=maybe", "sock5://u:hunter2@:1081", "relay://:8080",
            "socks5://127.0.0.1:99999", "socks5://a%zz@:1", "tcp://:1/x", "", "socks5://:1?a=#",
            "a+b+c://:1", "socks5://:9-1", "socks5://:1082?limiter.in=1MB&auth=%21")
        #expect(
            loaded.renderedDiagnostics == """
                -L:1:29: error: 'udp' must be true or false
                    socks5://127.0.0.1:1080?udp=maybe
                                                ^
                -L:2:1: error: there is no handler 'sock5'
                    sock5://u:***@:1081
                    ^
                  hint: did you mean 'socks5'?
                -L:3:1: error: the handler 'relay' is not available yet
                    relay://:8080
                    ^
                  hint: available are: socks5, socks, socks4, socks4a, http, auto, tcp, udp, forward
                -L:4:10: error: 'addr' must have a port from 0 to 65535
                    socks5://127.0.0.1:99999
                             ^
                  hint: such as :8080, 127.0.0.1:8080 or [::1]:8080
                -L:5:10: error: an escape with % must have two hexadecimal digits
                    socks5://a%zz@:1
                             ^
                  hint: write % itself as %25
                -L:6:10: error: 'addr' must be a host and a port from 1 to 65535
                    tcp://:1/x
                             ^
                  hint: such as 192.0.2.1:80, [2001:db8::1]:80 or example.com:80
                -L:7:1: error: an address is missing
                  hint: such as socks5://127.0.0.1:1080
                -L:8:15: error: '#' cannot stand here
                    socks5://:1?a=#
                                  ^
                  hint: write it as %23
                -L:9:1: error: a scheme is a handler and a listener at most
                    a+b+c://:1
                    ^
                  hint: such as socks5+tcp://
                -L:10:10: error: a range of ports goes upwards and has at most 1024 of them
                    socks5://:9-1
                             ^
                -L:11:36: error: 'auth' must be the base64 of user:password
                    socks5://:1082?limiter.in=1MB&auth=***
                                                       ^

                """)
    }

    @Test func `each -F is a hop, each of its hosts a node`() {
        let loaded = load(
            "socks5://127.0.0.1:1080",
            nodes: [
                "http://u:hunter2@192.0.2.1:8080,proxy.example:8080?strategy=fifo",
                "socks5://[2001:db8::1]:1080?timeout=5",
            ])
        #expect(loaded.renderedDiagnostics == "")
        #expect(
            loaded.options.described == """
                service service-0 at 127.0.0.1:1080
                  listener tcp ttl=5s
                  handler socks5 readTimeout=15s
                  socks udp=false bind=false udpTimeout=1m
                  chain chain-0
                chain chain-0
                  hop hop-0 fifo maxFails=1 failTimeout=30s
                    node node-0 192.0.2.1:8080 http as u
                    node node-1 proxy.example:8080 http as u
                  hop hop-1 round maxFails=1 failTimeout=10s
                    node node-0 [2001:db8::1]:1080 socks5 timeout=5s

                """)
    }

    @Test func `what a node is not available for is said at its place`() {
        let loaded = load(
            "socks5://127.0.0.1:1080", nodes: ["relay+wss://u:hunter2@h.example:443", "sock5://h"])
        #expect(
            loaded.renderedDiagnostics == """
                -F:1:1: error: the connector 'relay' is not available yet
                    relay+wss://u:***@h.example:443
                    ^
                  hint: available are: http, socks5, socks, forward, tcp
                -F:1:7: error: the dialer 'wss' is not available yet
                    relay+wss://u:***@h.example:443
                          ^
                  hint: available are: tcp
                -F:2:1: error: there is no connector 'sock5'
                    sock5://h
                    ^
                  hint: did you mean 'socks5'?
                -F:2:9: error: 'addr' must be a host and a port from 1 to 65535
                    sock5://h
                            ^
                  hint: such as 192.0.2.1:1080, [2001:db8::1]:1080 or example.com:1080

                """)
    }

    @Test func `services follow those of files and -D changes only the level`() {
        var request = ConfigurationRequest()
        request.files = ["a.yml"]
        request.services = ["socks5://127.0.0.1:1081"]
        request.debugLevel = 2
        let loaded = Configuration.load(
            request,
            readingWith: files([
                "a.yml": """
                services: [ { name: s, addr: "127.0.0.1:1080", handler: { type: socks5 } } ]
                log: { output: stdout, level: error }
                """
            ]))
        #expect(loaded.renderedDiagnostics == "")
        #expect(loaded.options.services.map(\.name.value) == ["s", "service-0"])
        #expect(loaded.options.log.level == "trace")
        #expect(loaded.options.log.output == .standardOutput)
    }
}
