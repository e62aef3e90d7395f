package import Options

/// What concerns the process: the top-level `weir:`.
package struct RuntimeOptions: Sendable {
    /// The directory of meter slots, keys and the admin socket; nil where the file names none.
    package var stateDirectory: Located<String>?
    /// Event loops; 0 is one per core.
    package var loops = 0
    /// How long flows may go on after the first request to stop.
    package var drainTimeout = Duration.seconds(10)
    /// The gateway's own name in records.
    package var node: String?
    /// Whether the admin socket is opened in the state directory.
    package var hasAdminSocket = true

    /// The defaults.
    package init() {}
}
