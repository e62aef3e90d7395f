import Chance
import Model
import Routing

/// Lists of hosts as long as the largest that are passed around, of one kind each and mixed.
enum Patterns {
    static let count = 100_000

    /// What the `number`th pattern of a kind is, and a host that it means.
    static let kinds:
        [(name: String, pattern: @Sendable (Int) -> String, host: @Sendable (Int) -> String)] = [
            ("addresses", { address($0) }, { address($0) }),
            ("ranges, a port each", { "[\(address($0))/28]:\($0 % 9 + 1)" }, { address($0) }),
            (
                "names", { "host-\($0).example\($0 % 97).org" },
                { "host-\($0).example\($0 % 97).org" }
            ),
            ("domains", { ".example\($0).org" }, { "a.b.c.example\($0).org" }),
            ("globs", { "ad?\($0)*.example.*" }, { "ads\($0)-7.example.org" }),
            (
                "mixed",
                { number in kinds[number % 5].pattern(number) },
                { number in kinds[number % 5].host(number) }
            ),
        ]

    private static func address(_ number: Int) -> String {
        IPAddress(v4: 0x0b00_0000 + UInt32(truncatingIfNeeded: number &* 16)).description
    }

    /// Seconds to read and prepare a list, and the cost of one look, half of which find something.
    static func measure(
        _ pattern: (Int) -> String, _ host: (Int) -> String
    ) throws -> (loadSeconds: Double, look: Cost) {
        let texts = (0..<count).map(pattern)
        var set = PatternSet.empty
        let load = try Cost.best(of: 3) {
            var fault: HostPattern.Fault?
            let cost = Cost.measure {
                do throws(HostPattern.Fault) {
                    var patterns: [HostPattern] = []
                    for text in texts { patterns.append(try HostPattern(text)) }
                    set = PatternSet(patterns)
                } catch {
                    fault = error
                }
            }
            if let fault { throw fault }
            return cost
        }
        var random = SplitMix64(seed: 1)
        let hosts = (0..<4096).map { index -> Destination.Host in
            let number = Int.random(in: 0..<count, using: &random)
            let text = host(index % 2 == 0 ? number : number + count)
            return IPAddress(text).map { .address($0) } ?? .name(text)
        }
        var found = 0
        let rounds = 50
        let look = Cost.best(of: 3) {
            Cost.measure {
                for _ in 0..<rounds {
                    for host in hosts where set.contains(host, port: 3) { found += 1 }
                }
            }.divided(by: rounds * hosts.count)
        }
        precondition(found > 0, "nothing was found")
        return (load.nanoseconds / 1e9, look)
    }
}
