package import Model
package import Options

/// An object of `limiters`, `climiters` or `rlimiters`: lines of a key and what holds for it.
package struct LimitListOptions<Value: Sendable>: Sendable {
    /// Unique among its kind.
    package let name: Located<String>
    /// One line for each key; those of the file win over those written here.
    package let lines: [(key: LimitKey, value: Value)]
    /// Where further lines stand.
    package let file: ListFile?
    let format: LimitFormat<Value>
    let inline: [(key: LimitKey, value: Value)]

    init(
        name: Located<String>, file: ListFile?, format: LimitFormat<Value>,
        inline: [(key: LimitKey, value: Value)], fromFile: [(key: LimitKey, value: Value)]
    ) {
        self.name = name
        self.file = file
        self.format = format
        self.inline = inline
        lines = Self.merged(inline, fromFile)
    }

    /// Lines of both lists; of those with one key the second list's.
    static func merged(
        _ first: [(key: LimitKey, value: Value)], _ second: [(key: LimitKey, value: Value)]
    ) -> [(key: LimitKey, value: Value)] {
        let keys = Set(second.map(\.key))
        return first.filter { !keys.contains($0.key) } + second
    }
}

/// How the lines of a list of limits are read.
struct LimitFormat<Value: Sendable>: Sendable {
    /// Which keys make sense.
    let keys: LimitKeys
    /// Reads what stands behind the key of a line, one word at least; a mistake is told and nil.
    let read: @Sendable ([Located<String>], inout [Diagnostic]) -> Value?
}

/// A line of `limiters`: bytes in a second, in and out.
package struct TrafficLimitOptions: Hashable, Sendable {
    /// For what clients send; nil without limit.
    package let uplink: ByteRate?
    /// For what clients get; nil without limit.
    package let downlink: ByteRate?

    init(uplink: ByteRate?, downlink: ByteRate?) {
        self.uplink = uplink
        self.downlink = downlink
    }
}

/// A limiter where a service or handler names it.
package struct LimiterReference: Sendable {
    /// Which of its lines count.
    package enum Scope: Sendable {
        /// All.
        case all
        /// `$` alone.
        case service
        /// All but `$`.
        case connections
    }

    /// The limiter's name.
    package let name: Located<String>
    /// Which of its lines count.
    package let scope: Scope
    /// Whether it is the handler's, which concerns users.
    package let isOfHandler: Bool
    /// After which a server is asked again.
    package let refresh: Duration
    /// After which who moves nothing is forgotten.
    package let cleanup: Duration
    /// Where one of the two stands; nil where the defaults hold.
    package let intervalLocation: Location?

    init(
        name: Located<String>, scope: Scope, isOfHandler: Bool, refresh: Duration,
        cleanup: Duration, intervalLocation: Location?
    ) {
        self.name = name
        self.scope = scope
        self.isOfHandler = isOfHandler
        self.refresh = refresh
        self.cleanup = cleanup
        self.intervalLocation = intervalLocation
    }
}
