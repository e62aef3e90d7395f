import Model
import Routing
import Synchronization
import Testing

@Suite("DestinationPolicy")
struct DestinationPolicyTests {
    private static let elsewhere = HostsTableTests.address("203.0.113.9")
    private static let listeners = ["127.0.0.1:8080", "0.0.0.0:1080", "192.0.2.10:9000"]
        .compactMap { Endpoint($0) }

    private func refusal(
        _ destination: String, client: IPAddress = elsewhere,
        privateDestinations: DestinationPolicy.PrivateDestinations = .allow
    ) throws -> DestinationPolicy.Refusal? {
        let policy = DestinationPolicy(
            ownListeners: Self.listeners,
            isOwnAddress: { $0 == HostsTableTests.address("192.0.2.10") },
            privateDestinations: privateDestinations)
        let destination = try #require(Endpoint(destination))
        return policy.refusal(of: destination, for: client)
    }

    @Test(arguments: [
        "198.51.100.1:80", "[2001:db8::1]:443", "8.8.8.8:53", "[2606:4700::1111]:443", "1.1.1.1:1",
        "[64:ff9b::808:808]:53", "[2002:808:808::1]:80",
    ])
    func `the Internet may be dialled, whatever is said of private ranges`(destination: String)
        throws
    {
        #expect(try refusal(destination) == nil)
        #expect(try refusal(destination, privateDestinations: .deny) == nil)
    }

    @Test(arguments: [
        ("198.51.100.1:0", DestinationPolicy.Refusal.portZero),
        ("0.0.0.0:80", .unspecified), ("[::]:80", .unspecified), ("0.1.2.3:80", .unspecified),
        ("[::ffff:0.0.0.0]:80", .unspecified),
        ("224.0.0.1:80", .multicastOrBroadcast), ("239.255.255.255:80", .multicastOrBroadcast),
        ("255.255.255.255:67", .multicastOrBroadcast), ("[ff02::1]:80", .multicastOrBroadcast),
        ("169.254.169.254:80", .metadata), ("[fd00:ec2::254]:80", .metadata),
        ("[fd20:ce::254]:80", .metadata), ("100.100.100.200:80", .metadata),
        ("192.0.0.192:80", .metadata), ("168.63.129.16:80", .metadata),
        ("[::ffff:169.254.169.254]:80", .metadata),
        ("169.254.170.2:80", .linkLocal), ("[fe80::1]:80", .linkLocal),
        ("[febf::1]:80", .linkLocal),
    ])
    func `what nobody may dial is refused to everybody`(
        destination: String, refusal: DestinationPolicy.Refusal
    ) throws {
        #expect(try self.refusal(destination) == refusal)
        #expect(try self.refusal(destination, client: .loopbackV4) == refusal)
    }

    @Test(arguments: [
        ("NAT64 of metadata", "[64:ff9b::a9fe:a9fe]:80", DestinationPolicy.Refusal.metadata),
        ("6to4 of loopback", "[2002:7f00:1::1]:80", .loopback),
        ("the IPv4-compatible loopback", "[::127.0.0.1]:80", .loopback),
        ("NAT64 of the zero address", "[64:ff9b::]:80", .unspecified),
    ])
    func `an address inside an address counts`(
        name: String, destination: String, refusal: DestinationPolicy.Refusal
    ) throws {
        #expect(try self.refusal(destination) == refusal)
    }

    @Test(arguments: ["127.0.0.1:80", "127.255.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"])
    func `loopback is for clients on loopback`(destination: String) throws {
        #expect(try refusal(destination) == .loopback)
        #expect(try refusal(destination, client: HostsTableTests.address("10.0.0.1")) == .loopback)
        #expect(try refusal(destination, client: .loopbackV4) == nil)
        #expect(try refusal(destination, client: .loopbackV6) == nil)
    }

    @Test(arguments: [
        "127.0.0.1:8080", "127.0.0.1:1080", "127.9.9.9:1080", "[::1]:1080", "192.0.2.10:1080",
        "192.0.2.10:9000", "[64:ff9b::192.0.2.10]:9000",
    ])
    func `our own listeners are refused to everybody`(destination: String) throws {
        #expect(try refusal(destination) == .ownListener)
        #expect(try refusal(destination, client: .loopbackV4) == .ownListener)
    }

    @Test func `the machine is asked about wildcard ports only, and at every attempt`() throws {
        let asked = Mutex<[IPAddress]>([])
        let policy = DestinationPolicy(
            ownListeners: Self.listeners,
            isOwnAddress: { address in
                asked.withLock { asked in
                    asked.append(address)
                    return asked.count > 1
                }
            }, privateDestinations: .allow)
        let gained = try #require(Endpoint("198.51.100.77:1080"))
        #expect(policy.refusal(of: gained, for: Self.elsewhere) == nil)
        #expect(policy.refusal(of: gained, for: Self.elsewhere) == .ownListener)
        let other = try #require(Endpoint("198.51.100.77:1081"))
        #expect(policy.refusal(of: other, for: Self.elsewhere) == nil)
        #expect(asked.withLock { $0 } == [gained.address, gained.address])
    }

    @Test func `other ports of our addresses and other addresses' ports are not ours`() throws {
        #expect(try refusal("192.0.2.10:9001") == nil)
        #expect(try refusal("192.0.2.11:9000") == nil)
        #expect(try refusal("192.0.2.11:1080") == nil)
        #expect(try refusal("127.0.0.2:8080", client: .loopbackV4) == nil)
    }

    @Test(arguments: [
        "10.0.0.1:80", "172.16.0.1:80", "172.31.255.255:80", "192.168.1.1:80", "100.64.0.1:80",
        "[fd12:3456::1]:80", "[fec0::1]:80", "198.18.0.1:80", "240.0.0.1:80", "192.0.0.8:80",
        "[64:ff9b:1::1]:80", "[64:ff9b::10.0.0.1]:80", "[2002:c0a8:101::1]:80",
    ])
    func `private ranges are as the service says`(destination: String) throws {
        #expect(try refusal(destination) == nil)
        #expect(try refusal(destination, privateDestinations: .deny) == .privateRange)
        #expect(
            try refusal(destination, client: .loopbackV4, privateDestinations: .deny)
                == .privateRange)
    }

    @Test(arguments: ["172.15.255.255:80", "172.32.0.1:80", "100.128.0.1:80", "198.20.0.1:80"])
    func `ranges end where they end`(destination: String) throws {
        #expect(try refusal(destination, privateDestinations: .deny) == nil)
    }

    @Test func `an IPv6 wildcard listener holds for both families`() throws {
        let policy = DestinationPolicy(
            ownListeners: [Endpoint(.anyV6, 1080)], isOwnAddress: { _ in false },
            privateDestinations: .allow)
        let four = try #require(Endpoint("127.0.0.1:1080"))
        #expect(policy.refusal(of: four, for: .loopbackV4) == .ownListener)
    }
}
