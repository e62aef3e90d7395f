package import Codecs
package import Model

/// One name on its way to its addresses: what to send to whom, and when to give up. No sockets and
/// no clock: facts go in, actions come out.
///
/// ```
///   start ──► A and AAAA of the first candidate, side by side
///     answer ─ addresses ──► finish when both are there, or 250 ms after the first
///            ─ truncated ──► the same server over TCP
///            ─ nowhere   ──► when both are: the next candidate, or finish
///            ─ failure, timeout, socket error ──► the next server, `attempts` rounds
/// ```
/// Candidates are the name itself and the name with search domains. After every input the caller
/// does the actions in order and arms one timer for `deadlineNanoseconds`. Nothing follows
/// `finish`. An answer counts only from the server that was asked, with its id and question.
package struct NameQuery: Sendable {
    /// What the caller is to do.
    package enum Action: Hashable, Sendable {
        /// Send a query, over UDP from a port of its own, or over a TCP connection of its own.
        case send(DNS.Query, to: NameServer, exchange: Int)
        /// Close what was opened for an exchange; its answer is of no more use.
        case abandon(exchange: Int)
        /// The outcome. All exchanges have been abandoned.
        case finish(NameAnswer)
    }

    /// How long the second family may take longer than the first. RFC 8305 §3 says 50 ms for
    /// screens; a proxy's clients wait anyway, and far resolvers need more.
    package static let familyPatienceNanoseconds: UInt64 = 250_000_000
    /// How long an answer is kept in which a family is missing because its server failed.
    package static let partialLifetimeSeconds: UInt32 = 10

    private struct Exchange: Sendable {
        let number: Int
        let query: DNS.Query
        let server: NameServer
        let deadlineNanoseconds: UInt64
    }

    private struct Lookup: Sendable {
        let type: DNS.RecordType
        var tries = 0
        var isExtended = true
        var hasServerFailed = false
        var exchange: Exchange?
        var outcome: NameAnswer?

        init(_ type: DNS.RecordType) { self.type = type }
    }

    private let plan: NameQueryPlan
    private let candidates: [DNS.Name]
    private var candidate = 0
    private var lookups: [Lookup] = []
    private var actions: [Action] = []
    private var randomState: UInt64
    private var exchangeCount = 0
    private var absenceSeconds: UInt32? = .max
    private var hasServerFailed = false
    private var patienceNanoseconds: UInt64?
    private var overallDeadlineNanoseconds: UInt64?
    private var isFinished = false

    /// A query for `name`. `seed` makes the ids and must be random, new for every query.
    package init(name: String, plan: NameQueryPlan, seed: UInt64) {
        self.plan = plan
        candidates = Self.candidates(for: name, plan)
        randomState = seed
    }

    /// When `deadlinePassed` is due; nil before the start and after the end.
    package var deadlineNanoseconds: UInt64? {
        guard !isFinished, let overallDeadlineNanoseconds else { return nil }
        let exchanges = lookups.compactMap { $0.exchange?.deadlineNanoseconds }
        return (exchanges + [overallDeadlineNanoseconds] + (patienceNanoseconds.map { [$0] } ?? []))
            .min()
    }

    // MARK: Inputs

    /// Begins.
    package mutating func start(nowNanoseconds: UInt64) -> [Action] {
        precondition(overallDeadlineNanoseconds == nil, "a query is started once")
        overallDeadlineNanoseconds = nowNanoseconds + plan.overallNanoseconds
        beginCandidate(nowNanoseconds)
        return takeActions()
    }

    /// A datagram came from `source`, to any socket of this query. What answers nothing that was
    /// asked over UDP is ignored.
    package mutating func received(
        _ datagram: RawSpan, from source: Endpoint, nowNanoseconds: UInt64
    ) -> [Action] {
        guard !isFinished, case .value(let response, _) = DNS.Response.decode(datagram),
            let index = lookups.firstIndex(where: { lookup in
                guard let exchange = lookup.exchange else { return false }
                return exchange.server == NameServer(source, .udp)
                    && Self.isAnswer(response, to: exchange.query)
            })
        else { return [] }
        take(response, for: index, nowNanoseconds)
        settle(nowNanoseconds)
        return takeActions()
    }

    /// A whole message came over an exchange's TCP connection. What is no answer fails it.
    package mutating func received(
        _ message: RawSpan, exchange: Int, nowNanoseconds: UInt64
    ) -> [Action] {
        guard let index = index(of: exchange), let query = lookups[index].exchange?.query
        else { return [] }
        if case .value(let response, _) = DNS.Response.decode(message),
            Self.isAnswer(response, to: query)
        {
            take(response, for: index, nowNanoseconds)
        } else {
            lookups[index].hasServerFailed = true
            moveOn(index, nowNanoseconds)
        }
        settle(nowNanoseconds)
        return takeActions()
    }

    /// An exchange's socket failed: unreachable, refused, reset or ended.
    package mutating func failed(exchange: Int, nowNanoseconds: UInt64) -> [Action] {
        guard let index = index(of: exchange) else { return [] }
        lookups[index].hasServerFailed = true
        moveOn(index, nowNanoseconds)
        settle(nowNanoseconds)
        return takeActions()
    }

    /// Time has passed. Early and repeated calls do nothing.
    package mutating func deadlinePassed(nowNanoseconds: UInt64) -> [Action] {
        guard !isFinished, let overallDeadlineNanoseconds else { return [] }
        let isOver = overallDeadlineNanoseconds <= nowNanoseconds
        let isPatienceOver = patienceNanoseconds.map { $0 <= nowNanoseconds } ?? false
        for index in lookups.indices {
            guard let exchange = lookups[index].exchange else { continue }
            if isOver || isPatienceOver {
                close(index)
                lookups[index].outcome = .failed(.timedOut)
            } else if exchange.deadlineNanoseconds <= nowNanoseconds {
                moveOn(index, nowNanoseconds)
            }
        }
        settle(nowNanoseconds)
        return takeActions()
    }

    // MARK: Answers

    /// Servers that could not read a query may leave the question out.
    private static func isAnswer(_ response: DNS.Response, to query: DNS.Query) -> Bool {
        if response.answers(query) { return true }
        return response.id == query.id && response.question == nil && response.code != .noError
            && response.code != .nameError
    }

    private mutating func take(_ response: DNS.Response, for index: Int, _ now: UInt64) {
        guard let exchange = lookups[index].exchange else { return }
        if response.isTruncated {
            guard exchange.server.transport == .udp else {
                lookups[index].hasServerFailed = true
                moveOn(index, now)
                return
            }
            close(index)
            send(index, to: NameServer(exchange.server.endpoint, .tcp), now)
            return
        }
        switch response.code {
        case .noError, .nameError:
            close(index)
            lookups[index].outcome = Self.outcome(of: response, exchange.query)
        case .formatError where exchange.query.isExtended,
            .notImplemented where exchange.query.isExtended:
            // A server from before EDNS; it is asked again without.
            lookups[index].isExtended = false
            close(index)
            send(index, to: exchange.server, now)
        default:
            lookups[index].hasServerFailed = true
            moveOn(index, now)
        }
    }

    private static func outcome(of response: DNS.Response, _ query: DNS.Query) -> NameAnswer {
        let chain = response.follow(query.question.name)
        let isV4 = query.question.type == .a
        let addresses = chain.addresses.filter { $0.isV4 == isV4 }
        guard response.code == .noError, !addresses.isEmpty else {
            return .absent(
                lifetimeSeconds: response.absenceSeconds.map {
                    min($0, chain.lifetimeSeconds ?? $0)
                })
        }
        return .addresses(addresses, lifetimeSeconds: chain.lifetimeSeconds ?? 0)
    }

    // MARK: Steps

    private mutating func beginCandidate(_ now: UInt64) {
        guard candidate < candidates.count else {
            // No candidate at all: the name is none that DNS could know.
            finish(
                hasServerFailed
                    ? .failed(.serverFailure)
                    : .absent(lifetimeSeconds: absenceSeconds == .max ? nil : absenceSeconds))
            return
        }
        switch plan.families {
        case .preferV4: lookups = [Lookup(.a), Lookup(.aaaa)]
        case .preferV6: lookups = [Lookup(.aaaa), Lookup(.a)]
        case .onlyV4: lookups = [Lookup(.a)]
        case .onlyV6: lookups = [Lookup(.aaaa)]
        }
        patienceNanoseconds = nil
        for index in lookups.indices { send(index, to: plan.servers[0], now) }
    }

    private mutating func send(_ index: Int, to server: NameServer, _ now: UInt64) {
        exchangeCount += 1
        let query = DNS.Query(
            id: makeID(), DNS.Question(candidates[candidate], lookups[index].type),
            isExtended: lookups[index].isExtended, clientSubnet: plan.clientSubnet)
        lookups[index].exchange = Exchange(
            number: exchangeCount, query: query, server: server,
            deadlineNanoseconds: now + plan.timeoutNanoseconds)
        actions.append(.send(query, to: server, exchange: exchangeCount))
    }

    /// Gives up on the server that was asked, and asks the next one if there is any left.
    private mutating func moveOn(_ index: Int, _ now: UInt64) {
        close(index)
        lookups[index].tries += 1
        guard lookups[index].tries < plan.servers.count * max(plan.attempts, 1) else {
            let fault: NameFault = lookups[index].hasServerFailed ? .serverFailure : .timedOut
            lookups[index].outcome = .failed(fault)
            return
        }
        let server = plan.servers[lookups[index].tries % plan.servers.count]
        send(index, to: server, now)
    }

    private mutating func close(_ index: Int) {
        guard let exchange = lookups[index].exchange else { return }
        actions.append(.abandon(exchange: exchange.number))
        lookups[index].exchange = nil
    }

    /// Ends the candidate when nothing is open any more, or makes the slower family hurry.
    private mutating func settle(_ now: UInt64) {
        let outcomes = lookups.compactMap(\.outcome)
        guard outcomes.count == lookups.count else {
            let hasAddresses = outcomes.contains { if case .addresses = $0 { true } else { false } }
            if hasAddresses, patienceNanoseconds == nil {
                patienceNanoseconds = now + Self.familyPatienceNanoseconds
            }
            return
        }
        let isOver = overallDeadlineNanoseconds.map { $0 <= now } ?? false
        switch Self.combine(outcomes) {
        case .addresses(let addresses, let seconds):
            finish(
                .addresses(plan.families.order(addresses), lifetimeSeconds: seconds))
        case .failed(.serverFailure):
            hasServerFailed = true
            nextCandidate(isOver: isOver, now)
        case .failed(let fault):
            finish(.failed(fault))
        case .absent(let seconds):
            absenceSeconds = seconds.flatMap { new in absenceSeconds.map { min($0, new) } }
            nextCandidate(isOver: isOver, now)
        }
    }

    private mutating func nextCandidate(isOver: Bool, _ now: UInt64) {
        guard !isOver else {
            finish(.failed(.timedOut))
            return
        }
        candidate += 1
        beginCandidate(now)
    }

    /// One answer out of one or two families' answers.
    private static func combine(_ outcomes: [NameAnswer]) -> NameAnswer {
        var addresses: [IPAddress] = []
        var lifetime = UInt32.max
        var absence: UInt32? = .max
        var fault: NameFault?
        for outcome in outcomes {
            switch outcome {
            case .addresses(let found, let seconds):
                addresses += found
                lifetime = min(lifetime, seconds)
            case .absent(let seconds):
                absence = seconds.flatMap { new in absence.map { min($0, new) } }
            case .failed(let reason):
                fault = fault == .serverFailure ? fault : reason
            }
        }
        if addresses.isEmpty {
            return fault.map { .failed($0) } ?? .absent(lifetimeSeconds: absence)
        }
        if fault != nil { lifetime = min(lifetime, partialLifetimeSeconds) }
        return .addresses(addresses, lifetimeSeconds: min(lifetime, absence ?? lifetime))
    }

    private mutating func finish(_ answer: NameAnswer) {
        for index in lookups.indices { close(index) }
        isFinished = true
        actions.append(.finish(answer))
    }

    private mutating func takeActions() -> [Action] {
        defer { actions = [] }
        return actions
    }

    private func index(of exchange: Int) -> Int? {
        isFinished ? nil : lookups.firstIndex { $0.exchange?.number == exchange }
    }

    /// Unpredictable as long as the seed is (SplitMix64; 16 of 64 bits are shown).
    private mutating func makeID() -> UInt16 {
        randomState &+= 0x9e37_79b9_7f4a_7c15
        var word = randomState
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return UInt16(truncatingIfNeeded: word ^ word >> 31)
    }

    /// The names to try in order (resolv.conf(5), `search` and `ndots`); too long ones are left
    /// out.
    private static func candidates(for name: String, _ plan: NameQueryPlan) -> [DNS.Name] {
        if name.hasSuffix(".") { return [DNS.Name(name)].compactMap { $0 } }
        let longer = plan.searchDomains.map { DNS.Name(name + "." + $0) }
        let dots = name.utf8.count { $0 == UInt8(ascii: ".") }
        let ordered = dots >= plan.dotsMin ? [DNS.Name(name)] + longer : longer + [DNS.Name(name)]
        return ordered.compactMap { $0 }
    }
}
