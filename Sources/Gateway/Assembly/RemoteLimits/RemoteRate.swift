import Limiting
import Model
import Synchronization

/// A rate that somebody else decides, and may change at any time.
///
/// Until it is known, a little passes in advance, which is paid for later, and then nothing before
/// the moment at which nobody waits for an answer any more. What nobody limits is granted in
/// slices, so that a limit that comes holds at once.
///
/// ## Concurrency
/// Any loop; a lock protects the state.
final class RemoteRate: Supply {
    private struct State {
        var bucket: RateBucket?
        var isKnown = false
        var advanceBytes = 0
        var users = 0
        var patienceEndNanoseconds: UInt64
    }

    private let state: Mutex<State>
    private static let pauseNanoseconds: UInt64 = 10_000_000

    /// A rate that is asked for, until that moment.
    init(patienceEndNanoseconds: UInt64) {
        state = Mutex(State(patienceEndNanoseconds: patienceEndNanoseconds))
    }

    var sliceBytes: Int {
        state.withLock { state in
            if let bucket = state.bucket { return bucket.sliceBytes }
            return state.isKnown ? Limits.quotaSliceBytes : Limits.advanceBytes / 4
        }
    }

    var lends: Bool { true }

    func take(_ wanted: Int, nowNanoseconds: UInt64) -> Grant {
        state.withLock { state in
            if let bucket = state.bucket {
                return bucket.take(wanted, nowNanoseconds: nowNanoseconds)
            }
            if state.isKnown || nowNanoseconds >= state.patienceEndNanoseconds {
                return .bytes(wanted)
            }
            let left = Limits.advanceBytes - state.advanceBytes
            if left <= 0 { return .later(nanoseconds: nowNanoseconds + Self.pauseNanoseconds) }
            let granted = min(wanted, left)
            state.advanceBytes += granted
            return .bytes(granted)
        }
    }

    func giveBack(_ bytes: Int, nowNanoseconds: UInt64) {
        state.withLock { state in
            if let bucket = state.bucket {
                bucket.giveBack(bytes, nowNanoseconds: nowNanoseconds)
            } else if !state.isKnown {
                state.advanceBytes -= bytes
            }
        }
    }

    func changeUsers(by difference: Int) { state.withLock { $0.users += difference } }

    /// Whether some flow takes from it.
    var isUsed: Bool { state.withLock { $0.users > 0 } }

    /// It is asked for again: a limit holds meanwhile, but that there is none may be old.
    func renew(patienceEndNanoseconds: UInt64) {
        state.withLock { state in
            guard state.bucket == nil else { return }
            state.isKnown = false
            state.advanceBytes = 0
            state.patienceEndNanoseconds = patienceEndNanoseconds
        }
    }

    /// From now on it is this; nil is without limit.
    func set(_ rate: ByteRate?, nowNanoseconds: UInt64) {
        state.withLock { state in
            if let rate, let bucket = state.bucket {
                bucket.change(to: rate, nowNanoseconds: nowNanoseconds)
            } else if let rate {
                let bucket = RateBucket(rate, nowNanoseconds: nowNanoseconds)
                if !state.isKnown {
                    bucket.giveBack(-state.advanceBytes, nowNanoseconds: nowNanoseconds)
                }
                state.bucket = bucket
            } else {
                state.bucket = nil
            }
            state.isKnown = true
        }
    }
}
