import Configuration
import Inbound
import Loop
import Options
import PluginKit

/// One file that is read again when its time has come or it changed.
///
/// ## Concurrency
/// Confined to the control loop; `read` runs on the pool.
final class FollowedFile: TimerHandler {
    /// What a reading told.
    struct Reading: Sendable {
        /// Which bytes were there; nil when the file could not be read.
        var digest: Int?
        /// Whether the object has what the file says now.
        var isTaken = false
        /// What is wrong or doubtful.
        var findings: [Diagnostic] = []
        /// Whether the bytes are those of the last reading.
        var isUnchanged = false
    }

    /// How long changes are collected before the file is read: a copy makes several.
    private static let calmNanoseconds: UInt64 = 20_000_000
    /// The longest pause before a directory that is gone is looked for again.
    private static let searchNanoseconds: UInt64 = 1_000_000_000
    private static let (periodTag, calmTag): (UInt8, UInt8) = (0, 1)

    private let path: String
    private let object: String
    private let periodNanoseconds: UInt64
    private let home: EventLoop
    private let pool: BlockingPool
    private let journal: Journal
    private let read: @Sendable (_ known: Int?) -> Reading
    private var digest: Int?
    private var told: [Diagnostic] = []
    private var periodTimer = TimerToken.none
    private var calmTimer = TimerToken.none
    private var isCalming = false
    private var isReading = false
    private var mustReadAgain = false
    private var isFirst = true
    private var isClosed = false
    /// Which objects it is followed for.
    var group = FileSources.Group.objects
    /// The watch's number of its directory; nil when that is not watched.
    var directory: Int32?
    /// Whether its directory should be watched and is not there.
    var isSearching = false
    /// Told whenever the file is looked at.
    var onLook: (FollowedFile) -> Void = { _ in }

    init(
        _ path: String, of object: String, period: Duration, home: EventLoop,
        pool: BlockingPool, journal: Journal,
        read: @escaping @Sendable (_ known: Int?) -> Reading
    ) {
        self.path = path
        self.object = object
        self.periodNanoseconds = UInt64(max(1000, period.wholeMilliseconds)) * 1_000_000
        self.home = home
        self.pool = pool
        self.journal = journal
        self.read = read
    }

    /// The file's name in its directory.
    var name: Substring {
        path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...]
    }

    /// Its directory.
    var directoryPath: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Nothing is read from now on.
    func close() {
        isClosed = true
        home.cancel(periodTimer)
        home.cancel(calmTimer)
    }

    /// The file may have changed: it is read in a moment.
    func changed() {
        if isCalming || isClosed { return }
        isCalming = true
        calmTimer = home.arm(
            afterNanoseconds: Self.calmNanoseconds, self, tag: Self.calmTag)
    }

    func timerFired(tag: UInt8) {
        if tag == Self.calmTag { isCalming = false }
        look()
    }

    /// Reads the file now, and again when the period has passed.
    func look() {
        if isClosed { return }
        onLook(self)
        if isClosed { return }
        if isReading {
            mustReadAgain = true
            return
        }
        isReading = true
        home.cancel(periodTimer)
        home.start { [self] in
            let (read, known) = (read, digest)
            // A pool with too much to do has this done at the next period.
            let reading = try? await pool.run { read(known) }
            isReading = false
            if isClosed { return }
            if let reading { take(reading) }
            if mustReadAgain {
                mustReadAgain = false
                changed()
            }
            let pause =
                isSearching ? min(periodNanoseconds, Self.searchNanoseconds) : periodNanoseconds
            periodTimer = home.arm(afterNanoseconds: pause, self, tag: Self.periodTag)
        }
    }

    private func take(_ reading: Reading) {
        if reading.isUnchanged { return }
        digest = reading.digest
        // The first reading only makes sure that nothing changed since the start.
        if reading.isTaken && !isFirst {
            journal(.info, "a file was read again", [("object", object), ("file", path)])
        }
        let findings =
            isFirst ? reading.findings.filter { $0.severity == .error } : reading.findings
        isFirst = false
        if findings != told { tell(findings) }
        told = findings
    }

    private func tell(_ findings: [Diagnostic]) {
        let errors = findings.filter { $0.severity == .error }
        guard let first = errors.first ?? findings.first else { return }
        let place = first.location.map { "\($0): " } ?? ""
        let hint = first.hint.map { " (\($0))" } ?? ""
        let more = (errors.isEmpty ? findings : errors).count - 1
        journal(
            errors.isEmpty ? .warn : .error,
            errors.isEmpty
                ? "a file that was read again is doubtful"
                : "a file is wrong; what it said before still holds",
            [
                ("object", object), ("file", path),
                (
                    "reason",
                    place + first.message + hint + (more > 0 ? ", and \(more) more" : "")
                ),
            ])
    }

    // MARK: On the pool

    /// Reads a file unless its bytes are known, and has them understood.
    static func read(
        _ path: String, _ reader: SharedFileReader, known: Int?,
        understand: ([UInt8]) -> (isTaken: Bool, findings: [Diagnostic])
    ) -> Reading {
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try reader(path)
        } catch {
            let finding = Diagnostic(.error, at: nil, "cannot be read: \(error.reason)")
            return Reading(digest: nil, findings: [finding])
        }
        let digest = bytes.withUnsafeBytes { buffer in
            var hasher = Hasher()
            hasher.combine(bytes: buffer)
            return hasher.finalize()
        }
        if digest == known { return Reading(digest: digest, isUnchanged: true) }
        let (isTaken, findings) = understand(bytes)
        return Reading(digest: digest, isTaken: isTaken, findings: findings)
    }
}
