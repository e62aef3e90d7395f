import Configuration
import HTTPClient
import Inbound
import Model
import Options
import PluginKit
import RemotePlugins

/// Servers that decide in the gateway's place.
extension Gateway {
    /// What asks servers; made, with its thread, when the first one is wanted.
    func httpSender() throws(StartFault) -> any HTTPSender {
        if let sender { return sender }
        do {
            let made = try environment.makeSender()
            sender = made
            return made
        } catch {
            throw StartFault("no requests to plugins' servers: \(error)")
        }
    }

    /// The server of an object's `plugin:`, asked through `sender`.
    func pluginServer(
        _ options: HTTPPluginOptions, kind: String, name: String, sender: any HTTPSender
    ) -> PluginServer {
        pluginServer(pluginFacts(options, kind: kind, name: name), sender: sender)
    }

    /// A server that is asked through `sender`.
    func pluginServer(_ facts: PluginServer.Facts, sender: any HTTPSender) -> PluginServer {
        let journal = journal
        return PluginServer(
            facts, sender: sender,
            log: { level, event, fields in journal(level, event, fields) })
    }

    /// What is known of the server of an object's `plugin:`.
    func pluginFacts(
        _ options: HTTPPluginOptions, kind: String, name: String
    ) -> PluginServer.Facts {
        var trust = HTTPRequest.Trust()
        trust.isVerified = options.isVerified
        trust.serverName = options.serverName
        trust.authorityFile = options.authorityFile
        return PluginServer.Facts(
            kind: kind, name: name, address: options.address.value, token: options.token,
            timeoutMilliseconds: Int(options.timeout.wholeMilliseconds), trust: trust)
    }
}
