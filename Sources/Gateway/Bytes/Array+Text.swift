extension [UInt8] {
    /// Adds a text's UTF-8 behind the others, as one copy.
    package mutating func append(text: String) {
        var text = text
        text.withUTF8 { append(contentsOf: $0) }
    }
}
