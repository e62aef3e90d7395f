import Glibc
import Inbound
import LinuxIO
import PluginKit
import Synchronization

/// The service manager above this process, as its environment names it; nobody where it names none.
///
/// ## Concurrency
/// Any thread may tell; a manager that cannot be reached is complained of once.
final class Supervisor: Sendable {
    private let manager: ServiceManager?
    /// Within which time it wants a sign of life, again and again; nil when it does not.
    let watchdogNanoseconds: UInt64?
    private let hasComplained = Mutex(false)

    /// Takes the manager's words out of the environment, which programs started by us shall not
    /// inherit. Call it before any thread exists.
    init() {
        manager = Self.variable("NOTIFY_SOCKET").flatMap { ServiceManager(socket: $0) }
        let microseconds = Self.variable("WATCHDOG_USEC").flatMap { UInt64($0) } ?? 0
        let process = Self.variable("WATCHDOG_PID").map { Int32($0) }
        let isMeant = process.map { $0 == getpid() } ?? true
        let nanoseconds = microseconds.multipliedReportingOverflow(by: 1000)
        let isAsked = manager != nil && isMeant && microseconds > 0 && !nanoseconds.overflow
        watchdogNanoseconds = isAsked ? nanoseconds.partialValue : nil
    }

    private static func variable(_ name: String) -> String? {
        defer { unsetenv(name) }
        return getenv(name).map { String(cString: $0) }
    }

    /// The clock that the manager reads too.
    static var nowNanoseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Tells it something. Signs of life never wait; other news waits a little for a busy manager.
    func tell(_ news: ServiceManager.News, _ journal: Journal) {
        guard let manager else { return }
        do throws(Errno) {
            try manager.tell(news, waitMilliseconds: news == .alive ? 0 : 1000)
        } catch {
            let isFirst = hasComplained.withLock { complained in
                defer { complained = true }
                return !complained
            }
            guard isFirst else { return }
            journal(
                .warn, "the service manager cannot be told", [("error", error.description)])
        }
    }
}
