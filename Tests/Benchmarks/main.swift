import Glibc
import LinuxIO
import Model
import PluginKit

// What metering and plugins cost, too little for end-to-end runs to show: nanoseconds and
// allocations per read that was relayed, on a kernel whose calls are free. Ends with status 1 when
// relaying a read allocates.

/// A reporter that does the least a reporter can do.
struct SilentReporter: TrafficStatsReporter {
    func onPacket(
        _ protocol: String, direction: String, source: String, destination: String, byteCount: Int
    ) {}
}

/// A number with so many digits after the point, right-aligned.
func text(_ value: Double, digits: Int, width: Int) -> String {
    var scale = 1
    for _ in 0..<digits { scale *= 10 }
    let (whole, rest) = Int((value * Double(scale)).rounded()).quotientAndRemainder(
        dividingBy: scale)
    let tail = String(scale + rest).dropFirst()
    let text = "\(whole).\(tail)"
    return String(repeating: " ", count: max(0, width - text.count)) + text
}

func row(_ name: String, _ cost: Cost) {
    let space = String(repeating: " ", count: max(0, 56 - name.count))
    print(
        name + space, text(cost.nanoseconds, digits: 1, width: 9), "ns",
        text(cost.allocations, digits: 4, width: 9), "allocations")
}

/// Small reads of 64 flows; 10 µs of the kernel's time for each read, as a busy core needs.
func small(_ bench: Bench) throws -> Cost {
    try bench.openRelays(64, readBytes: 64)
    return bench.cost(turns: 20_000, nanosecondsPerTurn: 640_000)
}

/// Reads that fill the buffer, so that the relay goes over to splice.
func bulk(_ bench: Bench) throws -> Cost {
    try bench.openRelays(8, readBytes: Limits.scratchBytes)
    return bench.cost(turns: 20_000, nanosecondsPerTurn: 64 * 50_000)
}

print("per relayed read, all threads together")
row("the bench itself: events, driver calls", bare())
var worst = 0.0
for observers in [0, 1, 3] {
    let cost = try Cost.best(of: 3) { try small(Bench(observers: observers)) }
    worst = max(worst, cost.allocations)
    row("64 bytes copied, metered, \(observers) plugins", cost)
}
row(
    "64 bytes copied, metered, a reporter told of each read",
    try Cost.best(of: 3) { try small(Bench(observers: 0, reporter: SilentReporter())) })
for observers in [0, 3] {
    let cost = try Cost.best(of: 3) { try bulk(Bench(observers: observers)) }
    worst = max(worst, cost.allocations)
    row("spliced, metered, \(observers) plugins", cost)
}
row("counting alone", counting())

print("per forwarded datagram of 512 bytes, metered")
for (name, clients, length) in [
    ("one client", 1, 1), ("16 clients by turns", 16, 1), ("one client, in trains of 64", 1, 64),
] {
    let cost = try datagrams(clients: clients, trainLength: length)
    worst = max(worst, cost.allocations)
    row(name, cost)
}

print("per look into \(Patterns.count) patterns of a bypass, with the seconds that loading takes")
var (slowestLook, longestLoad) = (0.0, 0.0)
for (name, pattern, host) in Patterns.kinds {
    let (seconds, look) = try Patterns.measure(pattern, host)
    slowestLook = max(slowestLook, look.nanoseconds)
    longestLoad = max(longestLoad, seconds)
    row("\(name), loaded in \(text(seconds, digits: 2, width: 0)) s", look)
}

print("seconds to load a configuration whose object has a file of so many lines")
for (name, seconds) in [
    ("a bypass, 100,000", try Lists.bypass()), ("an auther, 50,000", try Lists.users()),
] {
    longestLoad = max(longestLoad, seconds)
    print("\(name): \(text(seconds, digits: 2, width: 0)) s")
}

// What the settlement does once a second for each busy flow is spread over the reads of a second.
let budget = 0.01
if worst > budget {
    print("more than \(budget) allocations per relayed read or datagram")
    exit(1)
}
if slowestLook > 2000 || longestLoad > 1 {
    print("a look into a list takes more than 2 us, or its loading more than 1 s")
    exit(1)
}
