/// Where the log goes, in which form, and how much of it.
package struct LogOptions: Sendable, Equatable {
    /// Where lines go.
    package enum Output: Hashable, Sendable {
        /// Standard error.
        case standardError
        /// Standard output.
        case standardOutput
        /// Nowhere.
        case none
        /// Appended to a file.
        case file(String)
    }

    /// How lines look.
    package enum Format: String, Sendable {
        /// For people.
        case text
        /// One JSON object in a line.
        case json
    }

    /// The names of levels, least important first.
    package static let levels = ["trace", "debug", "info", "warn", "error", "fatal"]

    /// Where lines go.
    package var output = Output.standardError
    /// The least important level that is written; one of `levels`.
    package var level = "info"
    /// How lines look; nil is text on a terminal and JSON otherwise.
    package var format: Format?

    /// Everything from `info` up to standard error.
    package init() {}
}
