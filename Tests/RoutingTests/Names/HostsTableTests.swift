import Model
import Routing
import Testing

@Suite("HostsTable")
struct HostsTableTests {
    static func address(_ text: String) -> IPAddress {
        guard let address = IPAddress(text) else { preconditionFailure("a mistyped address") }
        return address
    }

    private func table() -> HostsTable {
        var table = HostsTable()
        table.add(Self.address("10.0.0.1"), names: ["one.example", "Alias"])
        table.add(Self.address("::1"), names: ["one.example"])
        table.add(Self.address("10.0.0.1"), names: ["ONE.example"])
        table.add(Self.address("10.0.0.2"), names: [".example"])
        table.add(Self.address("10.0.0.3"), names: [".deep.example"])
        return table
    }

    @Test(arguments: [
        ("the name itself, in order and once", "one.example", ["10.0.0.1", "::1"]),
        ("an alias", "alias", ["10.0.0.1"]),
        ("capitals", "One.Example", ["10.0.0.1", "::1"]),
        ("a dot at the end", "one.example.", ["10.0.0.1", "::1"]),
        ("a suffix", "two.example", ["10.0.0.2"]),
        ("a suffix over several labels", "a.b.example", ["10.0.0.2"]),
        ("the longest suffix", "a.deep.example", ["10.0.0.3"]),
        ("a suffix without its dot", "example", ["10.0.0.2"]),
        ("a longer suffix without its dot", "deep.example", ["10.0.0.3"]),
        ("the end of a label is no suffix", "myexample", []),
        ("another name", "example.org", []),
        ("nothing", "", []),
    ])
    func `a name leads to`(name: String, host: String, addresses: [String]) {
        #expect(table().addresses(of: host) == addresses.map(Self.address))
    }

    @Test func `a single dot holds for what nothing else holds for`() {
        var table = table()
        table.add(Self.address("10.9.9.9"), names: ["."])
        #expect(table.addresses(of: "anything.at.all") == [Self.address("10.9.9.9")])
        #expect(table.addresses(of: "short") == [Self.address("10.9.9.9")])
        #expect(table.addresses(of: "two.example") == [Self.address("10.0.0.2")])
    }

    @Test func `an empty table knows nobody`() {
        #expect(HostsTable().isEmpty)
        #expect(HostsTable().addresses(of: "localhost") == [])
    }

    @Test func `a file is read line by line and tells what it did not understand`() {
        var table = HostsTable()
        let refused = table.add(
            file: """
                # static table lookup
                127.0.0.1\tlocalhost  loopback # comment
                ::1 localhost ip6-localhost\r

                  192.0.2.1   server
                fe80::1%lo0 zoned
                300.1.1.1 wrong
                192.0.2.2
                """)
        #expect(refused == [6, 7, 8])
        #expect(table.addresses(of: "localhost") == [.loopbackV4, .loopbackV6])
        #expect(table.addresses(of: "loopback") == [.loopbackV4])
        #expect(table.addresses(of: "ip6-localhost") == [.loopbackV6])
        #expect(table.addresses(of: "server") == [Self.address("192.0.2.1")])
        #expect(table.addresses(of: "comment") == [])
        #expect(table.addresses(of: "zoned") == [])
    }
}
