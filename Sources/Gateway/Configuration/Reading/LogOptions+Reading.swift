import Options

extension LogOptions {
    /// Reads the top-level `log:`.
    init(from reader: inout OptionReader) {
        self.init()
        switch reader.string("output") {
        case nil, "", "stderr": output = .standardError
        case "stdout": output = .standardOutput
        case "none", "null": output = .none
        case .some(let path): output = .file(path)
        }
        let words: KeyValuePairs = [
            "trace": "trace", "debug": "debug", "info": "info", "warn": "warn",
            "warning": "warn", "error": "error", "fatal": "fatal",
        ]
        level = reader.choice("level", among: words) ?? "info"
        format = reader.choice("format", among: ["json": Format.json, "text": Format.text])
        reader.notYet(.warning, ["rotation"])
    }
}
