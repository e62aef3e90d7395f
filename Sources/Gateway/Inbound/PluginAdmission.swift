package import Loop
import Model
package import PluginKit

/// Asks a plugin whether a flow may be, on the plugin's own thread and with a deadline.
package struct PluginAdmission: Sendable {
    private let guid: String
    private let admission: any Admission
    private let worker: EventLoop

    /// Asks the admission attached under a GUID.
    package init(guid: String, admission: any Admission, worker: EventLoop) {
        self.guid = guid
        self.admission = admission
        self.worker = worker
    }

    func refusal(of proposal: FlowProposal, _ station: Station) async -> String? {
        let admission = admission
        switch await station.ask(worker, { try await admission.admit(proposal) }) {
        case .value(let verdict):
            return verdict.refusal
        case .failed(let reason):
            station.journal(
                .warn, "a flow was refused because plugin '\(guid)' failed",
                [
                    ("error", reason)
                ])
            return "plugin '\(guid)' failed"
        }
    }
}
