import Bytes
import Codecs
import Model

/// Who a client's connection has said it is: asked anew for every request (RFC 9110 §11.7).
///
/// Credentials that were right on the same connection are only compared with the accounts as they
/// are now; all others go through the throttle.
struct HTTPLogin {
    /// What a request may do.
    enum Outcome {
        /// Go on, for that user.
        case user(String?)
        /// The client is told to log in; the name that it tried.
        case refused(String?)
    }

    private var accepted: (field: [UInt8], credentials: Credentials)?

    private struct Credentials {
        let username: String
        let password: String
    }

    /// Asks about one request.
    mutating func check(
        _ head: HTTP1.RequestHead, _ gate: LoginGate, client: Endpoint, station: Station
    ) async -> Outcome {
        guard gate.requiresLogin(client) else { return .user(nil) }
        guard let field = head.fields.first("proxy-authorization") else { return .refused(nil) }
        if let accepted, field.elementsEqual(accepted.field) {
            let (username, password) = (
                accepted.credentials.username, accepted.credentials.password
            )
            if let user = await gate.confirm(
                username: username, password: password, client: client, station: station)
            {
                return .user(user)
            }
        }
        accepted = nil
        guard let credentials = Self.credentials(field) else { return .refused(nil) }
        guard
            let user = await gate.login(
                username: credentials.username, password: credentials.password, client: client,
                station: station)
        else { return .refused(credentials.username) }
        accepted = (Array(field), credentials)
        return .user(user)
    }

    /// `Basic` and the base 64 of `user:password` (RFC 7617); nil for anything else.
    private static func credentials(_ field: ArraySlice<UInt8>) -> Credentials? {
        let parts = field.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: true)
        guard parts.count == 2, String(decoding: parts[0], as: UTF8.self).lowercased() == "basic",
            let text = Base64.decodeAnyVariant(String(decoding: parts[1], as: UTF8.self)),
            let colon = text.firstIndex(of: UInt8(ascii: ":")),
            let username = String(validating: text[..<colon], as: UTF8.self),
            let password = String(validating: text[(colon + 1)...], as: UTF8.self)
        else { return nil }
        return Credentials(username: username, password: password)
    }
}
