import Options

extension ListFile {
    /// Reads `file` and `reload` of an object; nil where it has no file.
    static func read(from reader: inout OptionReader) -> ListFile? {
        let path = reader.mapping("file") { $0.requiredString("path") } ?? nil
        let place = reader.location(of: "reload")
        let asked = reader.duration("reload", default: .zero, bareNumber: .isNanoseconds)
        guard let path else {
            if asked != .zero {
                reader.warn("'reload' is about a file, and there is none", at: place)
            }
            return nil
        }
        if asked == .zero { return ListFile(path: path, reload: nil) }
        if asked < .seconds(1) {
            reader.warn("'reload' is at least 1s; so it is read as 1s", at: place)
        }
        return ListFile(path: path, reload: max(asked, .seconds(1)))
    }
}

extension Reread {
    /// Reads files again by `read`, from the bytes that `reader` has.
    static func reading(
        with reader: @escaping FileReader, _ read: (inout FileAccess) -> Value
    ) -> Reread {
        var files = FileAccess(reader)
        let value = read(&files)
        return Reread(value: value, findings: files.diagnostics)
    }
}
