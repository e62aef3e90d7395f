import Configuration
import Model
import Options
import PluginKit

/// Answers in gost's shapes.
extension ControlAPI {
    static let jsonType = "application/json; charset=utf-8"
    static let place = Location(file: "API", line: 1, column: 1)

    static let notFound = RouteResponse(
        status: 404, fields: [("Content-Type", "text/plain")],
        body: Array("404 page not found".utf8))

    /// What cannot be read is an object without a name, as in gost.
    static let nothing = Node(.mapping([]), at: place)

    static let null = Node(.scalar("", isQuoted: false), at: place)

    /// `{"msg":"OK"}` and the like.
    static func answer(_ outcome: Gateway.ReloadOutcome, _ doing: String) -> RouteResponse {
        switch outcome {
        case .applied: response(200) { $0.field("msg", "OK") }
        case .refused(let reason): error(500, 40003, "\(doing) failed: \(reason)")
        }
    }

    static func cut(_ count: Int) -> RouteResponse {
        response(200) {
            $0.field("msg", "OK")
            $0.field("flows", count)
        }
    }

    static func error(_ status: Int, _ code: Int, _ message: String) -> RouteResponse {
        response(status) {
            $0.field("code", code)
            $0.field("msg", message)
        }
    }

    private static func response(_ status: Int, _ write: (inout JSONText) -> Void) -> RouteResponse
    {
        var json = JSONText()
        json.beginObject()
        write(&json)
        json.endObject()
        return RouteResponse(status: status, fields: [("Content-Type", jsonType)], body: json.bytes)
    }

    static func data(_ node: Node) -> RouteResponse {
        RouteResponse(
            status: 200, fields: [("Content-Type", jsonType)],
            body: Array(mapping([("data", node)]).json.utf8))
    }

    /// gost's list: null when it is empty.
    static func list(_ items: [Node]) -> Node {
        let count = number(items.count)
        let list = items.isEmpty ? null : Node(.sequence(items), at: place)
        return mapping([("count", count), ("list", list)])
    }

    static func number(_ value: some BinaryInteger) -> Node {
        Node(.scalar(String(value), isQuoted: false), at: place)
    }

    static func text(_ value: String) -> Node { Node(.scalar(value, isQuoted: true), at: place) }

    static func flag(_ value: Bool) -> Node {
        Node(.scalar(value ? "true" : "false", isQuoted: false), at: place)
    }

    static func mapping(_ entries: [(String, Node)]) -> Node {
        Node(
            .mapping(entries.map { (Node.Key(text: $0.0, location: place), $0.1) }), at: place)
    }
}
