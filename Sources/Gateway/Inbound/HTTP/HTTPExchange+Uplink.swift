import Codecs
import LinuxIO
import Loop
import Model

/// From the client to the origin.
extension HTTPExchange {
    /// Writes the head, with whatever of the content has come. Where limits hold, content is moved
    /// as they allow, also when it came with the head.
    func begin() {
        shop.page.removeAll(keepingCapacity: true)
        shop.hop.encode(head, target, terms, into: &shop.page)
        if limits == nil, !content.isComplete, client.hasHeld {
            let held = client.takeHeld()
            held.withUnsafeBytes { take($0) }
        } else {
            send()
        }
        if outcome == nil, content.isComplete, uplink == .open, !origin.hasPending {
            requestIsDone()
        }
    }

    /// Moves what can be moved; whether anything was.
    func moveUplink() -> Bool {
        guard uplink == .open else { return false }
        if origin.hasPending {
            let sent = origin.flush()
            guard let count = counted(sent), count > 0 else { return uplink == .broken }
            if origin.hasPending { return true }
        }
        if content.isComplete {
            requestIsDone()
            return true
        }
        if limits != nil, client.hasHeld {
            let allowed = allowed(.uplink)
            guard allowed > 0 else { return false }
            if takeHeld(atMost: allowed) { return true }
        }
        guard client.socket.isReadable else { return false }
        let allowed = allowed(.uplink)
        guard allowed > 0 else { return false }
        switch client.read(atMost: allowed) {
        case .nothing:
            return false
        case .bytes(let all):
            hasContinued = true
            shop.page.removeAll(keepingCapacity: true)
            take(all)
        case .ended, .failed:
            // The origin must not take half of the content for the whole.
            fail(.stop(.broken), FlowEnd(by: .client, phase: .relay, cause: .reset))
        }
        return true
    }

    /// Takes content that came with the head; whether there was any.
    private func takeHeld(atMost allowed: Int) -> Bool {
        hasContinued = true
        shop.page.removeAll(keepingCapacity: true)
        let held = client.takeHeld()
        held.withUnsafeBytes { take($0, atMost: allowed) }
        // The line before a chunk may be longer than what is allowed.
        if outcome == nil, client.heldCount == held.count, allowed < held.count {
            _ = client.takeHeld()
            held.withUnsafeBytes { take($0) }
        }
        return outcome != nil || client.heldCount < held.count
    }

    /// Takes content from the front of what came, writes it on, and keeps the rest.
    private func take(_ all: UnsafeRawBufferPointer, atMost limit: Int = .max) {
        let part = UnsafeRawBufferPointer(rebasing: all[..<min(limit, all.count)])
        if shop.page.isEmpty, let count = content.passing(part.count) {
            content.passed(count)
            client.hold(UnsafeRawBufferPointer(rebasing: all[count...]))
            return send(UnsafeRawBufferPointer(rebasing: all[..<count]))
        }
        switch content.take(part, into: &shop.page) {
        case .success(let count):
            client.hold(UnsafeRawBufferPointer(rebasing: all[count...]))
            send()
        case .failure(let failure):
            let answer = HTTPAnswer(failure.fault)
            fail(
                hasAnswered ? .stop(.broken) : .answer(answer),
                FlowEnd(by: .client, phase: .relay, cause: .malformed))
        }
    }

    private func send() { shop.page.withUnsafeBytes { send($0) } }

    private func send(_ bytes: UnsafeRawBufferPointer) {
        if pays(.uplink, bytes.count) { _ = counted(origin.write(bytes)) }
    }

    /// Counts what was written; nil when the origin takes no more.
    private func counted(_ sent: HTTPStream.Sent) -> Int? {
        switch sent {
        case .took(let count):
            countUplink(count)
            return count
        case .failed:
            requestBroke()
            return nil
        }
    }
}
