public import Options

/// A plugin: what a GUID in `statsGUID`, or an `auther:`, names.
///
/// Lifecycle, in this order, all on the plugin's own worker thread except the first two:
/// 1. `Settings.init(from:)` reads the plugin's `options:`; every problem is a diagnostic.
/// 2. `init(settings:host:)` keeps what it needs. It opens nothing.
/// 3. `install(in:)` attaches capabilities. It is called once.
/// 4. `start()` opens files and databases. A throw stops the gateway's start.
/// 5. Capabilities are called while flows run.
/// 6. `drain()` finishes what is pending; afterwards no capability is called.
/// 7. `close()` releases everything.
///
/// ## Concurrency
/// Each plugin instance has a worker: one thread that runs all of its capability calls one after
/// another. A plugin that is slow or blocks delays itself and nobody else. Calls that a flow waits
/// for (`Authenticator`, `Admission`) have a deadline, after which the answer is a refusal.
public protocol Plugin: AnyObject, Sendable {
    /// The plugin's `options:`, typed.
    associatedtype Settings: PluginSettings

    /// What `type:` names in the configuration, such as `wing-meter`.
    static var type: String { get }

    /// Commands that the plugin adds to the command line (`weir NAME …`). Default: none.
    static var commands: [PluginCommand] { get }

    /// Keeps what it needs of its settings and of the gateway; opens nothing.
    init(settings: Settings, host: PluginHost) throws

    /// Attaches the plugin's capabilities.
    func install(in points: inout ExtensionPoints)

    /// Opens files, databases and connections. A throw stops the gateway's start.
    func start() async throws

    /// Finishes what is pending: the gateway stops. It has until the drain deadline.
    func drain() async throws

    /// Releases everything. Called once, also after a failed start.
    func close() async
}

extension Plugin {
    /// No commands.
    public static var commands: [PluginCommand] { [] }
    /// Nothing to open.
    public func start() async throws {}
    /// Nothing pending.
    public func drain() async throws {}
    /// Nothing to release.
    public func close() async {}
}

/// A plugin's `options:` mapping as a value.
public protocol PluginSettings: Sendable {
    /// Reads every key; the reader collects the problems and reports keys that nobody asked for.
    init(from reader: inout OptionReader)
}

/// The settings of a plugin that has none.
public struct NoSettings: PluginSettings {
    /// Accepts only an absent or empty `options:`.
    public init(from reader: inout OptionReader) {}
}
