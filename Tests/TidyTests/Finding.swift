/// A breach of a rule, printed the way compilers print.
struct Finding: CustomStringConvertible, Equatable {
    let path: String
    let line: Int
    let message: String

    var description: String { "\(path):\(line): \(message)" }
}

extension [Finding] {
    /// One line for each, for a test's comment.
    var report: String { map(\.description).joined(separator: "\n") }
}
