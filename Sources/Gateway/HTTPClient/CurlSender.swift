import CCurl
package import LinuxIO
import Model
import Synchronization

/// Sends requests with libcurl, all of them on one thread of its own.
///
/// Connections are kept for the next request. TLS is verified unless a request says otherwise,
/// redirections are not followed (they would carry a token elsewhere), and the environment's
/// proxies are not used (one of them may be this gateway).
///
/// ## Concurrency
/// Any thread may send. A lock protects the requests that wait; what curl works on belongs to its
/// thread. The thread lives until `stop`.
package final class CurlSender: HTTPSender {
    struct Order: Sendable {
        let request: HTTPRequest
        let answer: UnsafeContinuation<Result<HTTPResponse, HTTPFault>, Never>
    }

    private struct Queue {
        var orders: [Order] = []
        var unfinished = 0
        var isStopped = false
    }

    private let queue = Mutex(Queue())
    private let multi: CurlMulti

    /// A sender with its thread.
    package init() throws(Errno) {
        multi = try CurlMulti()
        try Thread(name: "weir-http") { self.work() }.detach()
    }

    package func send(_ request: HTTPRequest) async throws(HTTPFault) -> HTTPResponse {
        let result = await withUnsafeContinuation { answer in
            let refusal: HTTPFault? = queue.withLock { queue in
                if queue.isStopped { return .stopped }
                if queue.unfinished >= Limits.controlRequests { return .overloaded }
                queue.unfinished += 1
                queue.orders.append(Order(request: request, answer: answer))
                return nil
            }
            if let refusal {
                answer.resume(returning: .failure(refusal))
            } else {
                multi.wake()
            }
        }
        return try result.get()
    }

    package func stop() {
        queue.withLock { $0.isStopped = true }
        multi.wake()
    }

    private func work() {
        var running: [UnsafeMutableRawPointer: CurlTransfer] = [:]
        while true {
            let (orders, isStopped) = queue.withLock { queue in
                let orders = queue.orders
                queue.orders.removeAll()
                return (orders, queue.isStopped)
            }
            if isStopped {
                for order in orders { finish(order.answer, .failure(.stopped)) }
                for transfer in running.values {
                    multi.remove(transfer.easy)
                    finish(transfer.answer, .failure(.stopped))
                }
                return
            }
            for order in orders {
                if let transfer = CurlTransfer(order), multi.add(transfer.easy) {
                    running[transfer.easy] = transfer
                } else {
                    finish(order.answer, .failure(.broken("curl refuses the request")))
                }
            }
            multi.perform()
            while let (easy, code) = multi.nextDone() {
                multi.remove(easy)
                guard let transfer = running.removeValue(forKey: easy) else { continue }
                finish(transfer.answer, transfer.result(code))
            }
            // Woken by `send` and `stop`, and by curl's own deadlines.
            multi.poll(milliseconds: 60_000)
        }
    }

    private func finish(
        _ answer: UnsafeContinuation<Result<HTTPResponse, HTTPFault>, Never>,
        _ result: Result<HTTPResponse, HTTPFault>
    ) {
        queue.withLock { $0.unfinished -= 1 }
        answer.resume(returning: result)
    }
}
