import CCurl
import Model

/// One request on its way, as curl wants it.
///
/// ## Concurrency
/// Made, used and dropped on the sender's thread.
final class CurlTransfer {
    /// curl's handle.
    let easy: UnsafeMutableRawPointer
    /// Who waits.
    let answer: UnsafeContinuation<Result<HTTPResponse, HTTPFault>, Never>
    private let limit: Int
    private var fields: UnsafeMutablePointer<curl_slist>?
    private var body: [UInt8] = []
    private var isTooLarge = false

    /// Nil when curl has no memory left, or does not take an option.
    init?(_ order: CurlSender.Order) {
        guard let easy = curl_easy_init() else { return nil }
        self.easy = easy
        answer = order.answer
        limit = order.request.responseBytesMax
        guard set(order.request) else { return nil }
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_slist_free_all(fields)
    }

    /// What came of it.
    func result(_ code: CURLcode) -> Result<HTTPResponse, HTTPFault> {
        if isTooLarge { return .failure(.tooLarge) }
        let reason = String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_OK:
            return .success(HTTPResponse(status: Int(weir_curl_status(easy)), body: body))
        case CURLE_OPERATION_TIMEDOUT: return .failure(.timedOut)
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT:
            return .failure(.unreachable(reason))
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_CERTPROBLEM, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            return .failure(.untrusted(reason))
        default: return .failure(.broken(reason))
        }
    }

    // MARK: Set-up

    private func set(_ request: HTTPRequest) -> Bool {
        var codes = [
            weir_curl_set_text(easy, CURLOPT_URL, url(request)),
            weir_curl_set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https"),
            // Empty, so that the environment's are not used.
            weir_curl_set_text(easy, CURLOPT_PROXY, ""),
            weir_curl_set_text(easy, CURLOPT_USERAGENT, "weir"),
            weir_curl_set_number(easy, CURLOPT_NOSIGNAL, 1),
            weir_curl_set_number(easy, CURLOPT_TIMEOUT_MS, max(1, request.timeoutMilliseconds)),
            weir_curl_set_number(
                easy, CURLOPT_SSL_VERIFYPEER, request.trust.isVerified ? 1 : 0),
            weir_curl_set_number(
                easy, CURLOPT_SSL_VERIFYHOST, request.trust.isVerified ? 2 : 0),
        ]
        if let file = request.trust.authorityFile {
            codes.append(weir_curl_set_text(easy, CURLOPT_CAINFO, file))
        }
        if request.method == .post {
            codes.append(weir_curl_set_number(easy, CURLOPT_POST, 1))
            codes.append(
                request.body.withUnsafeBytes {
                    weir_curl_set_body(easy, $0.baseAddress ?? UnsafeRawPointer(easy), $0.count)
                })
        }
        let context = Unmanaged.passUnretained(self).toOpaque()
        codes.append(weir_curl_set_sink(easy, takeBody, context))
        return codes.allSatisfy { $0 == CURLE_OK } && setFields(request)
    }

    /// curl asks for the certificate of the URL's host, so another name becomes that host, and the
    /// connection and the `Host` field go where the address says.
    private func url(_ request: HTTPRequest) -> String {
        guard let name = request.trust.serverName, request.address.isSecure else {
            return request.address.text
        }
        let rest = request.address.text.dropFirst("https://".count)
        let named = rest.prefix { $0 != "/" && $0 != "?" }
        let credentials = named.lastIndex(of: "@").map { named[...$0] } ?? ""
        return "https://\(credentials)\(name):\(request.address.port)\(rest.dropFirst(named.count))"
    }

    private func setFields(_ request: HTTPRequest) -> Bool {
        // Without it curl waits a second for "100 Continue" before a large body.
        var lines = ["Expect:"]
        if let type = request.contentType { lines.append("Content-Type: \(type)") }
        if let token = request.token { lines.append("Authorization: Bearer \(token)") }
        var route: UnsafeMutablePointer<curl_slist>?
        if let name = request.trust.serverName, request.address.isSecure {
            let address = request.address
            lines.append("Host: \(address.authorityText)")
            let host = address.host.contains(":") ? "[\(address.host)]" : address.host
            route = curl_slist_append(nil, "\(name):\(address.port):\(host):\(address.port)")
        }
        for line in lines {
            let hasControl = line.utf8.contains { $0 < 0x20 || $0 == 0x7f }
            precondition(!hasControl, "a field with a control character would be two fields")
            guard let longer = curl_slist_append(fields, line) else { return false }
            fields = longer
        }
        if let route {
            guard weir_curl_set_lines(easy, CURLOPT_CONNECT_TO, route) == CURLE_OK else {
                return false
            }
            self.route = route
        }
        return weir_curl_set_lines(easy, CURLOPT_HTTPHEADER, fields) == CURLE_OK
    }

    private var route: UnsafeMutablePointer<curl_slist>?

    // MARK: The answer

    fileprivate func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard body.count + bytes.count <= limit else {
            isTooLarge = true
            return false
        }
        body.append(contentsOf: bytes)
        return true
    }
}

/// Takes a part of a body for curl; fewer bytes than there are end the transfer.
private func takeBody(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context else { return 0 }
    let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    let part = UnsafeRawBufferPointer(start: bytes, count: size * count)
    return transfer.take(part) ? part.count : 0
}
