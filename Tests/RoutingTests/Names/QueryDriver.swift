import CodecTesting
import Codecs
import Model
import Routing
import Testing

/// Drives a query as a resolver's transport would, with a clock that stands still until moved.
struct QueryDriver {
    var query: NameQuery
    var now: UInt64 = 1_000_000_000
    /// Open exchanges, by number.
    var open: [Int: (query: DNS.Query, server: NameServer)] = [:]
    /// All queries sent, in order, as `server name type transport`.
    var sent: [String] = []
    var answer: NameAnswer?

    init(_ name: String, _ plan: NameQueryPlan, seed: UInt64 = 7) {
        query = NameQuery(name: name, plan: plan, seed: seed)
        perform(query.start(nowNanoseconds: now))
    }

    mutating func perform(_ actions: [NameQuery.Action]) {
        for action in actions {
            #expect(answer == nil, "nothing follows the end")
            switch action {
            case .send(let query, let server, let exchange):
                #expect(open[exchange] == nil)
                open[exchange] = (query, server)
                let type = query.question.type == .a ? "A" : "AAAA"
                let plain = query.isExtended ? "" : " plain"
                sent.append(
                    "\(server.endpoint.address) \(query.question.name) \(type)"
                        + " \(server.transport.name)\(plain)")
            case .abandon(let exchange):
                #expect(open.removeValue(forKey: exchange) != nil)
            case .finish(let answer):
                #expect(open.isEmpty, "all exchanges are closed before the end")
                self.answer = answer
            }
        }
        #expect((query.deadlineNanoseconds == nil) == (answer != nil))
    }

    func exchange(_ type: DNS.RecordType) -> Int? {
        open.filter { $0.value.query.question.type == type }.keys.min()
    }

    /// Answers the open question of a type as its server, over its transport.
    mutating func reply(
        _ type: DNS.RecordType, code: UInt16 = 0, isTruncated: Bool = false,
        _ answers: [DNSAnswer.Record] = [], authorities: [DNSAnswer.Record] = [],
        hasQuestion: Bool = true
    ) {
        guard let exchange = exchange(type), let (query, server) = open[exchange] else {
            Issue.record("nothing of this type was asked")
            return
        }
        let bytes = DNSAnswer(
            id: query.id, question: hasQuestion ? query.question : nil, code: code,
            isTruncated: isTruncated, answers: answers, authorities: authorities
        ).encoded()
        if server.transport == .udp {
            receive(bytes, from: server.endpoint)
        } else {
            perform(
                self.query.received(bytes.span.bytes, exchange: exchange, nowNanoseconds: now))
        }
    }

    mutating func receive(_ bytes: [UInt8], from source: Endpoint) {
        perform(query.received(bytes.span.bytes, from: source, nowNanoseconds: now))
    }

    /// Lets the clock run to the next deadline.
    mutating func expire() {
        guard let deadline = query.deadlineNanoseconds else {
            Issue.record("nothing is waited for")
            return
        }
        perform(query.deadlinePassed(nowNanoseconds: deadline - 1))
        now = deadline
        perform(query.deadlinePassed(nowNanoseconds: now))
    }
}
