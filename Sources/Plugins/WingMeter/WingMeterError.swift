/// Why a Wing meter could not start or was not ready.
enum WingMeterError: Error, CustomStringConvertible {
    /// Another instance of this run writes under the same GUID to the same database.
    case takenTwice(guid: String, path: String)
    /// Events came before the start or after the end.
    case isNotRunning

    var description: String {
        switch self {
        case .takenTwice(let guid, let path):
            "\(path): another wing-meter with the GUID '\(guid)' writes to this database; "
                + "give one of them its own 'store'"
        case .isNotRunning: "the meter is not running"
        }
    }
}
