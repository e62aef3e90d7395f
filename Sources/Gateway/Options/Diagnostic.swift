/// One thing that is wrong, or doubtful, in what the user gave us.
public struct Diagnostic: Hashable, Sendable {
    /// Whether it stops the start.
    public enum Severity: String, Sendable {
        /// The configuration is refused.
        case error
        /// It is said, and the start goes on.
        case warning
    }

    /// How bad it is.
    public let severity: Severity
    /// Where it stands; nil where there is no place, such as a missing file.
    public let location: Location?
    /// What is wrong, in one sentence without a full stop.
    public let message: String
    /// What to do about it; "did you mean 'x'?" for instance.
    public let hint: String?

    /// A finding.
    public init(
        _ severity: Severity, at location: Location?, _ message: String, hint: String? = nil
    ) {
        self.severity = severity
        self.location = location
        self.message = message
        self.hint = hint
    }
}
