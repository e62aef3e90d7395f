package import Options

/// A file with entries of an object, one in each line: `file: {path}` and `reload`.
package struct ListFile: Sendable {
    /// The file as the user named it.
    package let path: Located<String>
    /// How often it is looked at again, at least a second; nil reads it once. What is changed
    /// between two looks is noticed at once where the system tells.
    package let reload: Duration?

    init(path: Located<String>, reload: Duration?) {
        self.path = path
        self.reload = reload
    }
}

/// What came of reading an object's file again.
package struct Reread<Value> {
    /// The object's new content; nil when an error is among the findings.
    package let value: Value?
    /// What is wrong or doubtful, with its places. Nothing secret is in it.
    package let findings: [Diagnostic]

    init(value: Value, findings: [Diagnostic]) {
        let isRefused = findings.contains { $0.severity == .error }
        self.value = isRefused ? nil : value
        self.findings = findings
    }

    private init(_ value: Value?, _ findings: [Diagnostic]) {
        self.value = value
        self.findings = findings
    }

    /// The same with something made of the content.
    package func map<Other>(_ transform: (Value) -> Other) -> Reread<Other> {
        Reread<Other>(value.map(transform), findings)
    }
}

extension Reread: Sendable where Value: Sendable {}
