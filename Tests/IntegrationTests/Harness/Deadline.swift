import Foundation
import Glibc

/// A point in time that ends a wait.
struct Deadline {
    private let end: Double

    init(_ seconds: Double) { end = Self.now + seconds }

    var hasPassed: Bool { Self.now >= end }
    var secondsLeft: Double { max(0, end - Self.now) }

    /// Seconds of the monotonic clock.
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// Sleeps the calling thread.
func pause(milliseconds: Int) {
    usleep(UInt32(milliseconds) * 1000)
}

/// Waits until `condition` holds; false where it does not within `seconds`.
func eventually(
    within seconds: Double = 10, every milliseconds: Int = 20, _ condition: () throws -> Bool
) rethrows -> Bool {
    let deadline = Deadline(seconds)
    while true {
        if try condition() { return true }
        if deadline.hasPassed { return false }
        pause(milliseconds: milliseconds)
    }
}

/// Waits until `value` gives something, and gives that; throws `what` after `seconds`.
func waitFor<Value>(
    _ what: String, within seconds: Double = 10, _ value: () throws -> Value?
) throws -> Value {
    let deadline = Deadline(seconds)
    while true {
        if let value = try value() { return value }
        if deadline.hasPassed { throw HarnessFailure("no \(what) within \(seconds) s") }
        pause(milliseconds: 20)
    }
}

/// The text of a file, empty where there is none; bytes that are not UTF-8 are replaced.
///
/// Reads to the end, as `/proc` needs: its files have no size, and give a part at a time.
func readText(_ path: String) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = read(file, &part, part.count)
        if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
        bytes += part[..<count]
    }
}

/// Whether a file exists.
func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
