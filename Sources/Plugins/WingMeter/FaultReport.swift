import Storage

/// Says that storing fails: at once, then once a minute, and when it works again.
struct FaultReport {
    private static let everyMilliseconds: Int64 = 60_000

    private var failures = 0
    private var saidAtMilliseconds: Int64?

    /// A batch could not be stored. The line to log, or nil if it was said just now.
    mutating func failed(_ error: any Error, now: Int64) -> String? {
        failures += 1
        if let said = saidAtMilliseconds, now - said < Self.everyMilliseconds { return nil }
        saidAtMilliseconds = now
        let isFull =
            (error as? DatabaseError)?.isDiskFull ?? (error as? FileError)?.isDiskFull ?? false
        return "usage cannot be stored\(isFull ? ": the disk is full" : ""): \(error); "
            + "metering goes on, counts wait in the gateway and are stored when this works again"
    }

    /// A batch was stored. The line to log, or nil if that is nothing new.
    mutating func worked() -> String? {
        guard failures > 0 else { return nil }
        defer { self = FaultReport() }
        return "usage is stored again; \(failures) attempts had failed, what waited is stored"
    }
}
