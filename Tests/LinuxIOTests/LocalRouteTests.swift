import LinuxIO
import Model
import Testing

@Suite("Local routes")
struct LocalRouteTests {
    @Test(arguments: ["127.0.0.1", "127.1.2.3", "::1", "0.0.0.0"])
    func `loopback leads here`(text: String) throws {
        #expect(LocalRoute.leads(to: try #require(IPAddress(text))))
    }

    /// Documentation ranges, which nobody routes to himself: whether there is a route or none.
    @Test(arguments: ["198.51.100.7", "203.0.113.200", "2001:db8::7"])
    func `elsewhere does not`(text: String) throws {
        #expect(!LocalRoute.leads(to: try #require(IPAddress(text))))
    }
}
