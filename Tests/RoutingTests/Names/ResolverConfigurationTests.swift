import Model
import Routing
import Testing

@Suite("resolv.conf(5)")
struct ResolverConfigurationTests {
    @Test func `an empty file asks the local machine`() {
        let configuration = ResolverConfiguration()
        #expect(configuration.nameServers == [.loopbackV4])
        #expect(configuration.searchDomains == [])
        #expect(configuration.dotsMin == 1)
        #expect(configuration.timeoutSeconds == 5)
        #expect(configuration.attempts == 2)
    }

    @Test func `what it says is taken and what is not understood left out`() {
        let configuration = ResolverConfiguration(
            parsing: """
                # a comment
                ; another
                nameserver 192.0.2.53
                nameserver\t2001:db8::53   trailing
                nameserver 192.0.2.53
                nameserver fe80::1%eth0
                nameserver nonsense
                nameserver
                search Corp.Example. example .
                options ndots:2 timeout:3 attempts:4 rotate edns0 ndots:x trust-ad
                sortlist 130.155.160.0
                """)
        #expect(
            configuration.nameServers
                == ["192.0.2.53", "2001:db8::53"].map(HostsTableTests.address))
        #expect(configuration.searchDomains == ["corp.example", "example"])
        #expect(configuration.dotsMin == 2)
        #expect(configuration.timeoutSeconds == 3)
        #expect(configuration.attempts == 4)
    }

    @Test func `the last of domain and search holds`() {
        #expect(
            ResolverConfiguration(parsing: "search a b\ndomain c").searchDomains == ["c"])
        #expect(
            ResolverConfiguration(parsing: "domain c\nsearch a b").searchDomains == ["a", "b"])
        #expect(ResolverConfiguration(parsing: "search a b\ndomain .").searchDomains == [])
    }

    @Test func `numbers and lists are bounded`() {
        let configuration = ResolverConfiguration(
            parsing: """
                options ndots:99 timeout:0 attempts:0
                search a b c d e f g h
                \((1...20).map { "nameserver 10.0.0.\($0)" }.joined(separator: "\n"))
                """)
        #expect(configuration.dotsMin == 15)
        #expect(configuration.timeoutSeconds == 1)
        #expect(configuration.attempts == 1)
        #expect(configuration.searchDomains.count == 6)
        #expect(configuration.nameServers.count == 8)
        let most = ResolverConfiguration(parsing: "options timeout:1000 attempts:1000")
        #expect(most.timeoutSeconds == 30)
        #expect(most.attempts == 5)
    }

    @Test func `a plan asks its servers on port 53 as it says`() {
        let plan = NameQueryPlan(
            ResolverConfiguration(
                parsing: "nameserver 192.0.2.53\nsearch x\noptions ndots:3 timeout:1 attempts:1"))
        #expect(plan.servers == [NameServer(Endpoint(HostsTableTests.address("192.0.2.53"), 53))])
        #expect(plan.searchDomains == ["x"])
        #expect(plan.dotsMin == 3)
        #expect(plan.timeoutNanoseconds == 1_000_000_000)
        #expect(plan.attempts == 1)
    }
}

@Suite("nsswitch.conf(5)")
struct NameServiceSwitchTests {
    @Test(arguments: [
        ("Debian", "passwd: files\nhosts:  files dns\nnetworks: files", ["files", "dns"]),
        (
            "a desktop", "hosts: files mdns4_minimal [NOTFOUND=return] dns # comment",
            ["files", "mdns4_minimal", "dns"]
        ),
        (
            "rules with blanks",
            "  hosts: resolve [ !UNAVAIL = return ] files[SUCCESS=continue]dns",
            ["resolve", "files", "dns"]
        ),
        ("none", "passwd: files\n# hosts: db\n", ["dns", "files"]),
        ("an open bracket", "hosts: files [NOTFOUND", ["files"]),
    ])
    func `services are read in order`(name: String, text: String, services: [String]) {
        #expect(NameServiceSwitch(parsing: text).hostServices == services)
    }

    @Test(arguments: [
        ("hosts: files dns", "example.com", false),
        ("hosts: files dns", "printer.local", false),
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns", "example.com", false),
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns", "Printer.LOCAL.", true),
        ("hosts: files mdns4 dns", "example.com", true),
        ("hosts: files myhostname dns", "example.com", false),
        ("hosts: files myhostname dns", "thishost", true),
        ("hosts: files myhostname dns", "a.localhost", true),
        ("hosts: resolve [!UNAVAIL=return] files dns", "example.com", true),
        ("hosts: files ldap dns", "example.com", true),
    ])
    func `the C library is asked only where it may know more`(
        text: String, name: String, isNeeded: Bool
    ) {
        #expect(NameServiceSwitch(parsing: text).needsSystemLibrary(for: name) == isNeeded)
    }
}
