import Bytes
import Codecs

extension HTTPSite.Credentials {
    /// What Authorization holds; nil where it is missing or nothing that is known.
    init?(_ fields: HTTP1.Fields) {
        guard fields.all("authorization").count == 1, let text = fields.text("authorization"),
            let space = text.firstIndex(of: " ")
        else { return nil }
        let (scheme, rest) = (
            text[..<space].lowercased(), text[text.index(after: space)...].drop { $0 == " " }
        )
        switch scheme {
        case "basic":
            guard let bytes = Base64.decodeAnyVariant(rest),
                let pair = String(validating: bytes, as: UTF8.self),
                let colon = pair.firstIndex(of: ":")
            else { return nil }
            self = .basic(
                user: String(pair[..<colon]), password: String(pair[pair.index(after: colon)...]))
        case "bearer":
            guard !rest.isEmpty else { return nil }
            self = .bearer(token: String(rest))
        default:
            return nil
        }
    }
}
