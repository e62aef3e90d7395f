import Inbound
import Loop
import Model
import PluginKit

/// Calls one plugin's `tick` again and again.
///
/// ## Concurrency
/// Confined to the control loop; the plugin is called on its worker.
final class PluginTicker: TimerHandler {
    private let guid: String
    private let periodic: any Periodic
    private let home: EventLoop
    private let worker: EventLoop
    private let journal: Journal
    private let pauseNanoseconds: UInt64
    private var timer = TimerToken.none
    private var overdue = TimerToken.none
    private var failures = 0
    private var isStopped = false

    private enum Tag {
        static let tick: UInt8 = 0
        static let overdue: UInt8 = 1
    }

    /// A ticker; the first tick comes after one pause.
    init(
        guid: String, periodic: any Periodic, home: EventLoop, worker: EventLoop, journal: Journal
    ) {
        self.guid = guid
        self.periodic = periodic
        self.home = home
        self.worker = worker
        self.journal = journal
        pauseNanoseconds = UInt64(max(100, periodic.tickMilliseconds)) * 1_000_000
        arm()
    }

    /// No tick begins from now on.
    func stop() {
        isStopped = true
        home.cancel(timer)
    }

    private func arm() { timer = home.arm(afterNanoseconds: pauseNanoseconds, self, tag: Tag.tick) }

    func timerFired(tag: UInt8) {
        if tag == Tag.overdue {
            journal(
                .error, "a plugin's regular work does not end; there is none until it does",
                [("plugin", guid)])
            return
        }
        overdue = home.arm(
            afterNanoseconds: UInt64(Limits.pluginStartMilliseconds) * 1_000_000, self,
            tag: Tag.overdue)
        let (home, periodic, box) = (home, periodic, LoopConfined(self))
        worker.spawn { _ in
            var trouble: String?
            do {
                try await periodic.tick()
            } catch {
                trouble = "\(error)"
            }
            home.execute { [trouble] _ in box.value.ended(trouble) }
        }
    }

    private func ended(_ trouble: String?) {
        home.cancel(overdue)
        if let trouble {
            failures += 1
            // Said when it begins, and now and again while it lasts.
            if failures == 1 || failures % 100 == 0 {
                journal(
                    .error, "a plugin's regular work failed",
                    [("plugin", guid), ("error", trouble), ("failures", String(failures))])
            }
        } else {
            failures = 0
        }
        if !isStopped { arm() }
    }
}
