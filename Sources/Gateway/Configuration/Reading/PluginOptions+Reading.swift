import Options

extension PluginOptions {
    /// Reads one entry of `plugins:`; nil after a mistake.
    init?(from reader: inout OptionReader) {
        let guid = reader.requiredString("guid", hint: "what statsGUID names")
        let type = reader.requiredString("type", hint: "which plugin it is, such as wing-meter")
        let options = reader.node("options")
        if let options {
            reader.report(OptionReader(options, named: "options").diagnostics)
        }
        guard let guid, let type else { return nil }
        self.init(guid: guid, type: type, options: options)
    }
}
