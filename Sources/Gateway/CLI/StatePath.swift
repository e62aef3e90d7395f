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

    /// Why this user could not keep state where a configuration says; nil where that works. A check
    /// may run as another user than the gateway, so it is a warning.
    static func objection(_ prepared: PreparedConfiguration) -> String? {
        guard let path = directory(prepared) else { return nil }
        var place = path
        var facts = stat()
        // What is missing is made, in the nearest folder that is there.
        while stat(place, &facts) != 0, let slash = place.lastIndex(of: "/") {
            place = slash == place.startIndex ? "/" : String(place[..<slash])
        }
        if stat(place, &facts) != 0 { place = "." }
        guard stat(place, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
            return "state cannot be kept in '\(path)': '\(place)' is no folder"
        }
        if access(place, W_OK | X_OK) == 0 { return nil }
        let reason = String(cString: strerror(errno))
        return "this user cannot keep state in '\(path)': \(reason)"
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
