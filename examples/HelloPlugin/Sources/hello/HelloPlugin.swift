import Model
import Options
import PluginKit

/// Greets every user whose flow has ended, with what the flow moved.
///
/// ## Concurrency
/// Immutable; the gateway calls `observe` on the plugin's own thread, one batch after another.
final class HelloPlugin: Plugin, FlowObserver {
    /// What `type:` names in the configuration.
    static let type = "hello"

    /// The plugin's `options:`.
    struct Settings: PluginSettings {
        /// The word in front of every line.
        let greeting: String

        init(from reader: inout OptionReader) {
            greeting = reader.string("greeting") ?? "hello"
        }
    }

    private let settings: Settings

    init(settings: Settings, host: PluginHost) {
        self.settings = settings
    }

    func install(in points: inout ExtensionPoints) {
        points.add(observer: self)
    }

    func observe(_ batch: FlowBatch) async throws -> [FlowRuling] {
        for event in batch.events {
            if case .closed(let flow, let counts, _, _) = event {
                let user = flow.user ?? "stranger"
                print(
                    "\(settings.greeting), \(user): \(flow.destination)",
                    "up \(counts.uplinkBytes) down \(counts.downlinkBytes)")
            }
        }
        return []
    }
}
