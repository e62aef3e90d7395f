import Codecs
import LinuxIO
import Loop
import Model

/// From the origin to the client.
extension HTTPExchange {
    /// Moves what can be moved; whether anything was.
    func moveDownlink() -> Bool {
        if client.hasPending {
            let sent = client.flush()
            guard let count = counted(sent), count > 0 else { return outcome != nil }
            return true
        }
        guard downlink == .open else { return false }
        guard origin.socket.isReadable else { return false }
        let allowed = allowed(.downlink)
        guard allowed > 0 else { return false }
        switch origin.read(atMost: allowed) {
        case .nothing:
            return false
        case .bytes(let all):
            originAnswers()
            shop.page.removeAll(keepingCapacity: true)
            take(all)
        case .ended:
            originEnded(nil)
        case .failed(let error):
            originEnded(error)
        }
        return true
    }

    /// Takes heads and content from the front of what came, writes them on, and keeps the rest.
    private func take(_ all: UnsafeRawBufferPointer) {
        var rest = all
        while answer == nil {
            switch HTTP1.ResponseHead.decode(rest.bytes, resuming: &answerProgress) {
            case .needs:
                origin.hold(rest)
                return send()
            case .value(let head, let count):
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                answerProgress = HTTP1.HeadProgress()
                guard begin(head, rest) else { return }
            case .fault(let fault):
                return fail(
                    .answer(HTTPAnswer(fault)),
                    FlowEnd(by: .upstream, phase: .relay, cause: .malformed))
            }
        }
        takeContent(rest)
    }

    private func takeContent(_ rest: UnsafeRawBufferPointer) {
        guard var content = answer else { return }
        var taken = rest.count
        var passing: UnsafeRawBufferPointer?
        if shop.page.isEmpty, let count = content.passing(rest.count) {
            content.passed(count)
            taken = count
            passing = UnsafeRawBufferPointer(rebasing: rest[..<count])
        } else {
            switch content.take(rest, into: &shop.page) {
            case .success(let count): taken = count
            case .failure: return truncate(.malformed)
            }
        }
        answer = content
        origin.hold(UnsafeRawBufferPointer(rebasing: rest[taken...]))
        if content.isComplete { finishAnswer() }
        if let passing { send(passing) } else { send() }
    }

    private func finishAnswer() {
        downlink = .done
        if origin.hasHeld { keepsUpstream = false }
    }

    private func send() { shop.page.withUnsafeBytes { send($0) } }

    private func send(_ bytes: UnsafeRawBufferPointer) {
        if pays(.downlink, bytes.count) { _ = counted(client.write(bytes)) }
    }

    /// Counts what was written; nil when the client takes no more.
    private func counted(_ sent: HTTPStream.Sent) -> Int? {
        switch sent {
        case .took(let count):
            countDownlink(count)
            return count
        case .failed(let error):
            fail(
                .stop(.broken),
                FlowEnd(by: .client, phase: .relay, cause: error.isReset ? .reset : .failed))
            return nil
        }
    }

    // MARK: Heads

    /// An answer's head has come; false when nothing follows it here.
    private func begin(_ head: HTTP1.ResponseHead, _ rest: UnsafeRawBufferPointer) -> Bool {
        if head.status == 101 { return changeProtocol(head, rest) }
        if head.isInterim {
            interimCount += 1
            guard interimCount <= Limits.interimAnswers else {
                fail(
                    .answer(.incomplete),
                    FlowEnd(by: .upstream, phase: .relay, cause: .malformed))
                return false
            }
            if head.status == 100 { hasContinued = true }
            // HTTP/1.0 knows one answer per request (RFC 9110 §15.2).
            if self.head.version == .http11 {
                shop.hop.encode(
                    head, .init(content: .declared, connection: nil), into: &shop.page)
            }
            return true
        }
        settleUplink()
        let framing = head.framing(answering: self.head.method)
        let terms = answerTerms(head, framing)
        answer = HTTPBody(framing, of: .response, writesChunks: terms.content == .chunks)
        shop.hop.encode(head, terms, into: &shop.page)
        return true
    }

    private func answerTerms(
        _ head: HTTP1.ResponseHead, _ framing: HTTP1.Framing
    ) -> HTTPHop.AnswerTerms {
        let isOld = self.head.version == .http10
        let hasOwnEnd = framing == .chunked || framing == .untilEnd
        keepsUpstream = terms.keeps && head.isPersistent && framing != .untilEnd
        endsWithUs = isOld && hasOwnEnd
        keepsClient = self.head.isPersistent && !endsWithUs && connection.mayStay
        // Content that nobody waits for any more would be taken for the next request.
        if uplink != .done, !hasContinued || !keepsUpstream { keepsClient = false }
        let content: HTTPHop.AnswerTerms.Content =
            if !hasOwnEnd { .declared } else if isOld { .untilEnd } else { .chunks }
        let connection: String? =
            if !keepsClient { "close" } else if isOld { "keep-alive" } else { nil }
        return .init(content: content, connection: connection)
    }

    // MARK: Ends

    /// The origin ended its direction, or its connection broke.
    private func originEnded(_ error: Errno?) {
        guard var content = answer else { return endWithoutAnswer(error) }
        if error == nil, content.endsWithSender {
            shop.page.removeAll(keepingCapacity: true)
            content.end(into: &shop.page)
            answer = content
            finishAnswer()
            return send()
        }
        truncate(error.map { $0.isReset ? .reset : .failed } ?? .malformed)
    }

    private func endWithoutAnswer(_ error: Errno?) {
        let end = FlowEnd(
            by: .upstream, phase: .relay,
            cause: error.map { $0.isReset ? .reset : .failed } ?? .reset)
        if origin.hasHeld { return fail(.answer(.incomplete), end) }
        let isUnheard = upstream.isReused && interimCount == 0
        if isUnheard, Self.isRepeatable(head) { return fail(.repeat, end) }
        fail(.answer(.noAnswer), end)
    }

    /// An answer that breaks off must look so to the client as well: it lacks content or the last
    /// chunk, or its connection is reset where only the end tells.
    private func truncate(_ cause: FlowEnd.Cause) {
        fail(
            .stop(endsWithUs ? .broken : .ended),
            FlowEnd(by: .upstream, phase: .relay, cause: cause))
    }
}
