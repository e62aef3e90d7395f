/// What an HTTP proxy service offers, from the configuration.
package struct HTTPSettings: Sendable {
    /// A field that is added to an answer of ours.
    package struct Field: Sendable, Hashable {
        /// A token.
        package let name: String
        /// A field value (RFC 9110 §5.5).
        package let value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// What clients are told that they log in to.
    package var realm: String
    /// What `Proxy-Agent` says.
    package var agent: String
    /// Added to every answer of ours but the one that opens a tunnel.
    package var answerFields: [Field]
    /// Whether connections to origins are kept for further requests.
    package var keepsUpstreams: Bool
    /// The time for a client's head, from its first byte on.
    package var headNanoseconds: UInt64
    /// The time between the end of a request and the head of its answer; nil for none but the
    /// idle time.
    package var answerNanoseconds: UInt64?
    /// How long a client's connection is kept without a request.
    package var keepNanoseconds: UInt64
    /// Whether datagrams are served over a client's stream, as gost does.
    package var servesDatagrams: Bool

    package init(
        realm: String = "gost", agent: String = "gost/3.0", answerFields: [Field] = [],
        keepsUpstreams: Bool = true, headNanoseconds: UInt64 = 15_000_000_000,
        answerNanoseconds: UInt64? = 15_000_000_000, keepNanoseconds: UInt64 = 60_000_000_000,
        servesDatagrams: Bool = false
    ) {
        self.realm = realm
        self.agent = agent
        self.answerFields = answerFields
        self.keepsUpstreams = keepsUpstreams
        self.headNanoseconds = headNanoseconds
        self.answerNanoseconds = answerNanoseconds
        self.keepNanoseconds = keepNanoseconds
        self.servesDatagrams = servesDatagrams
    }
}
