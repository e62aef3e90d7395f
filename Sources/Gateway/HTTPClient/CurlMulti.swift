import CCurl
import LinuxIO
import Model
import Synchronization

/// curl's handle for many transfers at once.
///
/// ## Concurrency
/// `@unchecked Sendable`: `wake` may be called by any thread, which curl promises for the one call
/// behind it; all else is called by the sender's thread alone.
final class CurlMulti: @unchecked Sendable {
    private let handle: UnsafeMutableRawPointer

    /// curl's own set-up, once in a process and before any other call.
    private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    init() throws(Errno) {
        guard Self.isReady, let handle = curl_multi_init() else {
            throw Errno.outOfMemory(in: "curl_multi_init")
        }
        self.handle = handle
        weir_curl_limit(
            handle, Limits.controlConnections, Limits.controlConnectionsPerHost)
    }

    deinit { curl_multi_cleanup(handle) }

    /// Ends a `poll`, now or the next one.
    func wake() { curl_multi_wakeup(handle) }

    func add(_ easy: UnsafeMutableRawPointer) -> Bool {
        curl_multi_add_handle(handle, easy) == CURLM_OK
    }

    func remove(_ easy: UnsafeMutableRawPointer) { curl_multi_remove_handle(handle, easy) }

    /// Moves whatever can be moved without waiting.
    func perform() {
        var running: Int32 = 0
        curl_multi_perform(handle, &running)
    }

    /// A transfer that is over; nil when there is none.
    func nextDone() -> (easy: UnsafeMutableRawPointer, code: CURLcode)? {
        var code = CURLE_OK
        guard let easy = weir_curl_next_done(handle, &code) else { return nil }
        return (easy, code)
    }

    /// Waits until something can be moved, a deadline of a transfer passes or `wake` is called.
    func poll(milliseconds: Int32) {
        curl_multi_poll(handle, nil, 0, milliseconds, nil)
    }
}
