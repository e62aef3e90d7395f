import PluginKit

/// A page about the API, for people.
extension ControlAPI {
    /// `GET /docs`.
    func page(_ request: RouteRequest) -> RouteResponse {
        guard request.method == "GET" || request.method == "HEAD" else { return Self.notFound }
        return RouteResponse(
            status: 200,
            fields: [
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
            ], body: Array(pageText.utf8))
    }

    private static let requests = [
        ("GET /config?format=json|yaml", "The configuration that runs, with what became of it."),
        (
            "POST /config?path=NAME&amp;format=yaml|json",
            "Saves it: in the file that was loaded, or beside it under another name."
        ),
        ("POST /config/reload", "Reads all files again and applies the difference."),
        ("GET /config/LIST", "All objects of a list: services, chains, authers, limiters, …"),
        ("POST /config/LIST", "Makes an object; the body is the object in JSON or YAML."),
        ("GET, PUT, DELETE /config/LIST/NAME", "Shows, replaces, removes one object."),
        ("POST /config/quotas/NAME/reset", "Lets a quota begin anew."),
        ("GET /flows?user=NAME&amp;service=NAME", "The flows that are open."),
        ("DELETE /flows/ID", "Ends a flow."),
        ("GET /users", "What the open flows of each user have moved."),
        ("DELETE /users/NAME/flows", "Ends a user's flows."),
    ]

    private var pageText: String {
        let rows = Self.requests.map { request, meaning in
            "<tr><td><code>\(request)</code></td><td>\(meaning)</td></tr>"
        }
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>Weir: API</title>
            <style>body{font:16px sans-serif;margin:2em;max-width:60em}td{padding:.3em 1em .3em 0;\
            vertical-align:top}</style></head><body>
            <h1>The API of this gateway</h1>
            <p>Paths begin behind what <code>pathPrefix</code> says. Answers are
            <code>{"msg":"OK"}</code>, <code>{"data":…}</code> or
            <code>{"code":…,"msg":…}</code>: 40001 the object is wrong, 40002 it is there already,
            40003 the change was refused and nothing has changed, 40004 it is not there, 40005 the
            configuration was not saved.</p>
            <table>
            \(rows.joined(separator: "\n"))
            </table></body></html>

            """
    }
}
