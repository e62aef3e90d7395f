public import Model

/// What the gateway offers to a plugin.
///
/// ## Concurrency
/// All of it may be called from any thread.
public struct PluginHost: Sendable {
    /// The GUID of this instance.
    public let guid: String
    /// The run of the gateway.
    public let boot: BootID
    /// Where the gateway keeps its state. Relative paths in options are relative to the working
    /// directory, as everywhere in the configuration.
    public let stateDirectory: String
    /// Logs one line. Never hand it a secret.
    public let log: @Sendable (LogLevel, String) -> Void
    /// Milliseconds since 1970, UTC.
    public let wallMilliseconds: @Sendable () -> Int64

    /// An offer, as the gateway or a test makes it.
    public init(
        guid: String, boot: BootID, stateDirectory: String,
        log: @escaping @Sendable (LogLevel, String) -> Void,
        wallMilliseconds: @escaping @Sendable () -> Int64
    ) {
        self.guid = guid
        self.boot = boot
        self.stateDirectory = stateDirectory
        self.log = log
        self.wallMilliseconds = wallMilliseconds
    }
}

/// How much a log line matters. The names are gost's.
public enum LogLevel: Int, Sendable, Comparable, CaseIterable {
    /// Every step.
    case trace
    /// What helps to find a fault.
    case debug
    /// What an operator wants to see.
    case info
    /// Something is wrong and the gateway copes.
    case warn
    /// Something is wrong and somebody loses by it.
    case error
    /// The process ends.
    case fatal

    /// Less important first.
    public static func < (one: LogLevel, other: LogLevel) -> Bool { one.rawValue < other.rawValue }
    /// The name used in files and lines.
    public var name: String {
        switch self {
        case .trace: "trace"
        case .debug: "debug"
        case .info: "info"
        case .warn: "warn"
        case .error: "error"
        case .fatal: "fatal"
        }
    }
}
