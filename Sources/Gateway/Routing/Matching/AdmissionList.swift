package import Loop
package import Model

/// Clients that are let in, or those that are not: gost's admission.
package struct AdmissionList: Sendable {
    /// What reasons call it.
    package let name: String
    private let isWhitelist: Bool
    private let patterns: Published<PatternSet>

    /// A list over patterns that may change.
    package init(name: String, isWhitelist: Bool, patterns: Published<PatternSet>) {
        self.name = name
        self.isWhitelist = isWhitelist
        self.patterns = patterns
    }

    /// Whether a client is let in, by its address alone.
    package func admits(_ client: IPAddress) -> Bool {
        patterns.value.contains(client, port: nil) == isWhitelist
    }
}

/// Admissions of which each must let a client in.
package struct AdmissionGroup: Sendable {
    private let lists: [AdmissionList]

    /// A group; without lists everybody is let in.
    package init(_ lists: [AdmissionList]) { self.lists = lists }

    /// Lets everybody in.
    package static let everybody = AdmissionGroup([])

    /// The first list that does not let a client in; nil when all do.
    package func refusal(of client: IPAddress) -> AdmissionList? {
        lists.first { !$0.admits(client) }
    }
}
