import Assembly
import Configuration
import Glibc
import Options

/// Where state is kept.
enum StatePath {
    /// The directory of a configuration: as it says, else the standard one if there are plugins to
    /// keep state for; nil where nothing is kept.
    static func directory(_ prepared: PreparedConfiguration) -> String? {
        if let named = prepared.loaded.options.runtime.stateDirectory { return named.value }
        return prepared.plugins.isEmpty ? nil : standard
    }

    /// Where state goes unless the file says otherwise: systemd's directory for the service, the
    /// system's for root, the user's own else.
    static var standard: String {
        if let directory = getenv("STATE_DIRECTORY") { return String(cString: directory) }
        if getuid() == 0 { return "/var/lib/weir" }
        let home = getenv("HOME").map { String(cString: $0) } ?? "."
        return home + "/.local/state/weir"
    }
}
