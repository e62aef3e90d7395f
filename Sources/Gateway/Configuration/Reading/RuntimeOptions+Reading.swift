import Options

extension RuntimeOptions {
    /// Reads the top-level `weir:`.
    init(from reader: inout OptionReader) {
        self.init()
        stateDirectory = reader.locatedString("state")
        if let state = stateDirectory, state.value.isEmpty {
            reader.error("'state' must not be empty", at: state.location)
        }
        loops = reader.integer("loops", default: 0, in: 0...64)
        drainTimeout = reader.duration(
            "drainTimeout", default: .seconds(10), in: .zero ... .seconds(3600))
        node = reader.string("node")
        hasAdminSocket = reader.bool("admin", default: true)
    }
}
