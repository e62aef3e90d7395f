import Limiting
import Model
import RemotePlugins
import Synchronization

/// Limits of one service or handler that a server decides.
///
/// It is asked when somebody comes whom nobody has asked about lately, and again after each
/// interval while flows run. Nothing waits for it but bytes: a flow moves little before the answer,
/// and where none comes in time, as much as it likes. A limit that was known holds until there is
/// another.
///
/// ## Concurrency
/// Any loop asks it, once per flow; a lock protects the table.
final class RemoteLimiter: LimitSource, Sendable {
    /// Where it is named, and how.
    struct Terms: Hashable, Sendable {
        /// The limiter's name.
        let limiter: String
        /// The service that names it, itself or by its handler.
        let service: String
        /// What the server is asked about.
        let scopes: [LimitQuestion.Scope]
        /// After which an answer is asked for again.
        let refreshNanoseconds: UInt64
        /// After which somebody who moves nothing is forgotten.
        let cleanupNanoseconds: UInt64
        /// How long the first answer is waited for.
        let patienceNanoseconds: UInt64
    }

    private struct Entry {
        let uplink: RemoteRate
        let downlink: RemoteRate
        var usedNanoseconds: UInt64
        var askNanoseconds: UInt64
        var isAsking = false

        var isUsed: Bool { uplink.isUsed || downlink.isUsed }
    }

    let terms: Terms
    let server: PluginServer
    /// Begins to ask; any thread.
    private let ask: @Sendable (RemoteLimiter, LimitQuestion) -> Void
    private let entries = Mutex<[LimitQuestion: Entry]>([:])
    /// How long a server that failed is left alone.
    private static let pauseNanoseconds: UInt64 = 1_000_000_000

    init(
        _ terms: Terms, server: PluginServer,
        ask: @escaping @Sendable (RemoteLimiter, LimitQuestion) -> Void
    ) {
        self.terms = terms
        self.server = server
        self.ask = ask
    }

    func supplies(
        for subject: LimitedSubject, _ shares: ConnectionShares, nowNanoseconds: UInt64
    ) -> Supplies {
        var supplies = Supplies()
        for scope in terms.scopes {
            let question = question(scope, subject)
            let (entry, mustAsk) = entries.withLock { entries in
                Self.entry(question, in: &entries, terms, nowNanoseconds)
            }
            if mustAsk { ask(self, question) }
            guard let entry else { continue }
            supplies.uplink.append(entry.uplink)
            supplies.downlink.append(entry.downlink)
        }
        return supplies
    }

    private func question(
        _ scope: LimitQuestion.Scope, _ subject: LimitedSubject
    ) -> LimitQuestion {
        let source = Endpoint(subject.address, subject.port)
        switch scope {
        case .service:
            return LimitQuestion(.service, service: terms.service)
        case .connection:
            return LimitQuestion(.connection, service: terms.service, source: source)
        case .client:
            return LimitQuestion(.client, service: terms.service, client: subject.user ?? "")
        }
    }

    private static func entry(
        _ question: LimitQuestion, in entries: inout [LimitQuestion: Entry], _ terms: Terms,
        _ now: UInt64
    ) -> (Entry?, mustAsk: Bool) {
        let patienceEnd = now + terms.patienceNanoseconds
        if var known = entries[question] {
            known.usedNanoseconds = now
            let isStale = !known.isAsking && now >= known.askNanoseconds
            if isStale {
                known.isAsking = true
                // While flows run, they go on as they did.
                if !known.isUsed {
                    known.uplink.renew(patienceEndNanoseconds: patienceEnd)
                    known.downlink.renew(patienceEndNanoseconds: patienceEnd)
                }
            }
            entries[question] = known
            return (known, isStale)
        }
        if entries.count >= Limits.askedSubjects {
            entries = entries.filter { $0.value.isUsed }
            // So many flows at once that nobody can be asked about more of them.
            if entries.count >= Limits.askedSubjects { return (nil, false) }
        }
        let rate = { RemoteRate(patienceEndNanoseconds: patienceEnd) }
        var entry = Entry(
            uplink: rate(), downlink: rate(), usedNanoseconds: now, askNanoseconds: now)
        entry.isAsking = true
        entries[question] = entry
        return (entry, true)
    }

    /// Asks, and has what comes hold; `now` reads the clock.
    func refresh(_ question: LimitQuestion, now: () -> UInt64) async {
        let answer = await server.limits(question)
        let moment = now()
        entries.withLock { entries in
            guard var entry = entries[question] else { return }
            entry.isAsking = false
            entry.askNanoseconds =
                moment + (answer == nil ? Self.pauseNanoseconds : terms.refreshNanoseconds)
            if let answer {
                entry.uplink.set(answer.uplink, nowNanoseconds: moment)
                entry.downlink.set(answer.downlink, nowNanoseconds: moment)
            }
            entries[question] = entry
        }
    }

    /// Forgets who is gone, and asks again about who is there.
    func tick(nowNanoseconds now: UInt64) {
        let due = entries.withLock { entries in
            var due: [LimitQuestion] = []
            for (question, entry) in entries where !entry.isAsking {
                let isUsed = entry.isUsed
                if isUsed { entries[question]?.usedNanoseconds = now }
                // An address with a port does not come again.
                let rest =
                    question.scope == .connection
                    ? Self.pauseNanoseconds : terms.cleanupNanoseconds
                if !isUsed, now > entry.usedNanoseconds + rest {
                    entries[question] = nil
                } else if isUsed, now >= entry.askNanoseconds,
                    due.count < Limits.limitQuestionsPerSecond
                {
                    entries[question]?.isAsking = true
                    due.append(question)
                }
            }
            return due
        }
        for question in due { ask(self, question) }
    }

    /// How many there are of whom it knows.
    var subjectCount: Int { entries.withLock { $0.count } }
}
