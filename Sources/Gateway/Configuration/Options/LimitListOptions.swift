package import Model
package import Options

/// An object of `limiters`, `climiters` or `rlimiters`: lines of a key and what holds for it.
package struct LimitListOptions<Value: Sendable>: Sendable {
    /// Unique among its kind.
    package let name: Located<String>
    /// One line for each key; those of the file win over those written here.
    package let lines: [(key: LimitKey, value: Value)]

    init(name: Located<String>, lines: [(key: LimitKey, value: Value)]) {
        self.name = name
        self.lines = lines
    }
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

    init(name: Located<String>, scope: Scope) {
        self.name = name
        self.scope = scope
    }
}
