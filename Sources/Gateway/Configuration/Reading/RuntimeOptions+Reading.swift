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
        timeZone = reader.locatedString("timeZone")
        if let zone = timeZone, !Self.isZoneName(zone.value) {
            reader.error(
                "'timeZone' must be the name of a time zone", at: zone.location,
                hint: "such as Europe/Berlin or UTC")
        }
        hasAdminSocket = reader.bool("admin", default: true)
    }

    /// The syntax of names in the IANA database. Slashes must not lead out of its directory.
    private static func isZoneName(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return (1...3).contains(parts.count)
            && parts.allSatisfy { part in
                !part.isEmpty && part.utf8.count <= 32
                    && part.utf8.allSatisfy { byte in
                        (48...57).contains(byte) || (65...90).contains(byte)
                            || (97...122).contains(byte) || "_-+".utf8.contains(byte)
                    }
            }
    }
}
