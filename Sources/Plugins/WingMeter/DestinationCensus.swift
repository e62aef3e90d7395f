import Storage

/// Bounds the destinations of one bucket: the first so many have rows of their own, the rest
/// share one, so that a port scan cannot fill the disk.
///
/// The database is the truth and this its cache: a bucket's destinations are read when the bucket
/// is first used, and everything is forgotten when a transaction rolls back.
struct DestinationCensus {
    /// What stands for the destinations over the bound. No host name has parentheses.
    static let other = "(other)"

    private let limit: Int
    private var known: [Int64: Set<String>] = [:]

    /// Allows `limit` destinations per bucket.
    init(limit: Int) { self.limit = limit }

    /// The destination itself where the bucket has it or has room, else `other`.
    mutating func admit(
        _ destination: String, bucket: Int64, in database: Database
    ) throws -> String {
        if known[bucket] == nil {
            // Flows touch the bucket of now and the one of their opening; recovery older ones.
            if known.count >= 4, let oldest = known.keys.min() { known[oldest] = nil }
            known[bucket] = Set(
                try database.rows(
                    "SELECT DISTINCT destination FROM wing_usage WHERE bucket = ?1",
                    [.integer(bucket)]
                ) { $0.text(0) ?? "" })
        }
        guard known[bucket]?.contains(destination) != true else { return destination }
        guard known[bucket, default: []].count < limit else { return Self.other }
        known[bucket, default: []].insert(destination)
        return destination
    }

    /// Forgets everything; the database will be asked again.
    mutating func forget() { known = [:] }
}
