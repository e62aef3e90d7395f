import Codecs
package import HTTPClient
package import Model
package import PluginKit
import Synchronization

/// A server that speaks gost's plugin protocol: a JSON object is posted, one comes back.
///
/// That it fails is said once, and once that it works again, whatever failed in between.
///
/// ## Concurrency
/// Any loop may ask; a lock protects whether it failed last.
package final class PluginServer: Sendable {
    /// What is known of it from the configuration.
    package struct Facts: Sendable, Equatable {
        /// What it is for, such as `auther`.
        package let kind: String
        /// The object's name.
        package let name: String
        /// Where it is.
        package let address: HTTPAddress
        /// Its token; a secret.
        package let token: String?
        /// For a whole answer.
        package let timeoutMilliseconds: Int
        /// How it proves who it is.
        package let trust: HTTPRequest.Trust

        package init(
            kind: String, name: String, address: HTTPAddress, token: String?,
            timeoutMilliseconds: Int, trust: HTTPRequest.Trust
        ) {
            self.kind = kind
            self.name = name
            self.address = address
            self.token = token
            self.timeoutMilliseconds = timeoutMilliseconds
            self.trust = trust
        }
    }

    /// Writes a line: level, event, fields.
    package typealias Log = @Sendable (LogLevel, String, [(name: String, value: String)]) -> Void

    private let facts: Facts
    private let sender: any HTTPSender
    private let log: Log
    private let isFailing = Mutex(false)

    package init(_ facts: Facts, sender: any HTTPSender, log: @escaping Log) {
        self.facts = facts
        self.sender = sender
        self.log = log
    }

    /// Asks, and gives what `understand` makes of the answer; nil when there is none, or none that
    /// makes sense. `form` says what would, for the log.
    func ask<Value: Sendable>(
        _ body: [UInt8], form: String, understand: (JSON) -> Value?
    ) async -> Value? {
        var request = HTTPRequest(
            .post, facts.address, contentType: "application/json", body: body,
            timeoutMilliseconds: facts.timeoutMilliseconds)
        request.token = facts.token
        request.trust = facts.trust
        let response: HTTPResponse
        do throws(HTTPFault) {
            response = try await sender.send(request)
        } catch {
            return failed(error.description)
        }
        guard response.status == 200 else {
            return failed("status \(response.status) instead of 200")
        }
        guard let answer = JSON.whole(response.body), let value = understand(answer) else {
            return failed("the answer must be \(form)")
        }
        let wasFailing = isFailing.withLock { failing in
            defer { failing = false }
            return failing
        }
        if wasFailing { log(.info, "a plugin's server works again", fields) }
        return value
    }

    private func failed<Value>(_ reason: String) -> Value? {
        let isNew = isFailing.withLock { failing in
            defer { failing = true }
            return !failing
        }
        if isNew {
            log(.error, "a plugin's server fails", fields + [("error", reason)])
        }
        return nil
    }

    private var fields: [(name: String, value: String)] {
        [(facts.kind, facts.name), ("server", facts.address.description)]
    }
}
