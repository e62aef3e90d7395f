import LinuxIO
import Loop
import Model

/// Drives one name's query: does what the machine says, with sockets and one timer.
///
/// ## Concurrency
/// Confined to its loop. It keeps itself alive through its timer and its sockets until it is done.
final class QueryRun: TimerHandler {
    private let loop: EventLoop
    private let inbox: DatagramInbox
    private let router: Router?
    private let timeoutNanoseconds: UInt64
    private let done: (NameAnswer) -> Void
    private var machine: NameQuery
    private var exchanges: [Int: NameExchange] = [:]
    private var timer = TimerToken.none

    init(
        name: String, plan: NameQueryPlan, loop: EventLoop, inbox: DatagramInbox, router: Router?,
        done: @escaping (NameAnswer) -> Void
    ) {
        self.loop = loop
        self.inbox = inbox
        self.router = router
        self.done = done
        timeoutNanoseconds = plan.timeoutNanoseconds
        machine = NameQuery(name: name, plan: plan, seed: loop.driver.randomWord())
    }

    func start() { act(on: machine.start(nowNanoseconds: loop.nowNanoseconds)) }

    func timerFired(tag: UInt8) {
        timer = .none
        act(on: machine.deadlinePassed(nowNanoseconds: loop.nowNanoseconds))
    }

    private func act(on actions: [NameQuery.Action]) {
        for action in actions {
            switch action {
            case .send(let query, let server, let number):
                let exchange = NameExchange(loop, inbox: inbox, router: router) { [self] event in
                    happened(event, number)
                }
                exchanges[number] = exchange
                exchange.ask(
                    query, server,
                    deadlineNanoseconds: loop.nowNanoseconds + timeoutNanoseconds)
            case .abandon(let number):
                exchanges.removeValue(forKey: number)?.close()
            case .finish(let answer):
                loop.cancel(timer)
                timer = .none
                done(answer)
                return
            }
        }
        guard let deadline = machine.deadlineNanoseconds else { return }
        loop.cancel(timer)
        timer = loop.arm(atNanoseconds: deadline, self)
    }

    private func happened(_ event: NameExchange.Event, _ number: Int) {
        let now = loop.nowNanoseconds
        switch event {
        case .datagram(let bytes, let source):
            act(on: machine.received(bytes.bytes, from: source, nowNanoseconds: now))
        case .message(let bytes):
            act(on: machine.received(bytes.bytes, exchange: number, nowNanoseconds: now))
        case .failed:
            act(on: machine.failed(exchange: number, nowNanoseconds: now))
        }
    }
}
