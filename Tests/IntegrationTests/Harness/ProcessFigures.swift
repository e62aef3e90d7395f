import Foundation
import Glibc

/// What `/proc` says of a process.
struct ProcessFigures {
    let pid: pid_t

    /// Open descriptors.
    var descriptors: Int {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? []).count
    }

    /// Resident memory in bytes.
    var residentBytes: Int {
        let words = readText("/proc/\(pid)/statm").split(separator: " ")
        return words.count > 1 ? (Int(words[1]) ?? 0) * 4096 : 0
    }

    /// CPU time used so far, user and system.
    var cpuSeconds: Double {
        let stat = readText("/proc/\(pid)/stat")
        guard let close = stat.lastIndex(of: ")") else { return 0 }
        let fields = stat[close...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13])
        else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// CPU time used over `seconds` from now on.
    func cpuSeconds(over seconds: Double) -> Double {
        let before = cpuSeconds
        pause(milliseconds: Int(seconds * 1000))
        return cpuSeconds - before
    }
}

/// The sockets of the calling thread's network, read without touching any of them.
enum SocketTable {
    /// Whether some TCP socket listens on `port`.
    static func listens(on port: UInt16) -> Bool {
        ["tcp", "tcp6"].contains { table in
            rows(table).contains { $0.port == port && $0.state == "0A" }
        }
    }

    /// Whether some UDP socket is bound to `port`.
    static func isBound(udp port: UInt16) -> Bool {
        ["udp", "udp6"].contains { table in rows(table).contains { $0.port == port } }
    }

    /// Datagrams that found the buffer of the UDP socket on `port` full.
    static func drops(udp port: UInt16) -> Int {
        ["udp", "udp6"].flatMap(rows).filter { $0.port == port }.map(\.drops).reduce(0, +)
    }

    private static func rows(_ table: String) -> [(port: UInt16, state: String, drops: Int)] {
        readText("/proc/thread-self/net/\(table)").split(separator: "\n").dropFirst()
            .compactMap { line in
                let fields = line.split(separator: " ")
                guard fields.count > 3, let colon = fields[1].lastIndex(of: ":"),
                    let port = UInt16(fields[1][fields[1].index(after: colon)...], radix: 16)
                else { return nil }
                return (port, String(fields[3]), fields.last.flatMap { Int($0) } ?? 0)
            }
    }
}
