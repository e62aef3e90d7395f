import HTTPClient
import Limiting
import Model
import PluginKit
import RemotePlugins
import Synchronization
import Testing

@testable import Assembly

@Suite("Limits that a server decides")
struct RemoteLimiterTests {
    private static let second: UInt64 = 1_000_000_000

    /// Gives the same answer until it is told another.
    private final class Server: HTTPSender {
        private let answer = Mutex<String?>(nil)
        private let asked = Mutex<[String]>([])

        var questions: [String] { asked.withLock { $0 } }
        func say(_ text: String?) { answer.withLock { $0 = text } }

        func send(_ request: HTTPRequest) async throws(HTTPFault) -> HTTPResponse {
            asked.withLock { $0.append(String(decoding: request.body, as: UTF8.self)) }
            guard let text = answer.withLock({ $0 }) else { throw .timedOut }
            return HTTPResponse(status: 200, body: Array(text.utf8))
        }

        func stop() {}
    }

    private final class Questions: Sendable {
        private let waiting = Mutex<[LimitQuestion]>([])
        func add(_ question: LimitQuestion) { waiting.withLock { $0.append(question) } }
        func take() -> [LimitQuestion] {
            waiting.withLock { waiting in
                defer { waiting.removeAll() }
                return waiting
            }
        }
    }

    private let server = Server()
    private let questions = Questions()

    private func limiter(_ scopes: [LimitQuestion.Scope] = [.client]) throws -> RemoteLimiter {
        let facts = PluginServer.Facts(
            kind: "limiter", name: "panel",
            address: try #require(HTTPAddress("http://127.0.0.1:8000/limiter")), token: nil,
            timeoutMilliseconds: 1000, trust: HTTPRequest.Trust())
        let questions = questions
        return RemoteLimiter(
            RemoteLimiter.Terms(
                limiter: "panel", service: "s", scopes: scopes,
                refreshNanoseconds: 30 * Self.second, cleanupNanoseconds: 60 * Self.second,
                patienceNanoseconds: Self.second),
            server: PluginServer(facts, sender: server) { _, _, _ in },
            ask: { _, question in questions.add(question) })
    }

    private func alice(port: UInt16 = 5) -> LimitedSubject {
        LimitedSubject(address: IPAddress(v4: 0x0a00_0001), user: "alice", port: port)
    }

    private func answer(_ limiter: RemoteLimiter, at moment: UInt64) async {
        for question in questions.take() { await limiter.refresh(question) { moment } }
    }

    /// How much comes at once, of what was asked for piece by piece.
    private func grants(_ supply: any Supply, at moment: UInt64, upTo limit: Int) -> Int {
        var sum = 0
        while sum < limit, case .bytes(let count) = supply.take(10_000, nowNanoseconds: moment) {
            sum += count
        }
        return sum
    }

    @Test func `questions are gost's, each of its scope`() async throws {
        let limiter = try limiter([.service, .connection, .client])
        server.say(#"{"in":0,"out":0}"#)
        _ = limiter.supplies(for: alice(), ConnectionShares(), nowNanoseconds: 0)
        await answer(limiter, at: 0)
        let head = #"{"service":"s","scope":""#
        let tail = #"","network":"tcp","addr":"","client":""#
        #expect(
            server.questions == [
                head + "service" + tail + #"","src":""}"#,
                head + "conn" + tail + #"","src":"10.0.0.1:5"}"#,
                head + "client" + tail + #"alice","src":""}"#,
            ])
    }

    @Test func `who is known is not asked about again before it is time`() async throws {
        let limiter = try limiter()
        server.say(#"{"in":1000,"out":0}"#)
        let supplies = limiter.supplies(for: alice(), ConnectionShares(), nowNanoseconds: 0)
        await answer(limiter, at: 0)
        let again = limiter.supplies(for: alice(port: 6), ConnectionShares(), nowNanoseconds: 1)
        #expect(again.uplink[0] === supplies.uplink[0] && questions.take().isEmpty)
        supplies.uplink[0].changeUsers(by: 1)
        limiter.tick(nowNanoseconds: 29 * Self.second)
        #expect(questions.take().isEmpty)
        limiter.tick(nowNanoseconds: 31 * Self.second)
        #expect(questions.take().count == 1)
        // It is on its way.
        limiter.tick(nowNanoseconds: 32 * Self.second)
        #expect(questions.take().isEmpty)
    }

    @Test func `little passes before the first answer, and is paid for`() async throws {
        let limiter = try limiter()
        let uplink = limiter.supplies(for: alice(), ConnectionShares(), nowNanoseconds: 0).uplink[0]
        #expect(grants(uplink, at: 0, upTo: .max) == Limits.advanceBytes)
        #expect(uplink.take(1, nowNanoseconds: 5) != .bytes(1))
        server.say(#"{"in":65536,"out":0}"#)
        await answer(limiter, at: 10)
        // In the first second the advance is paid back, but for what the burst allows.
        #expect(grants(uplink, at: 10 + Self.second / 2, upTo: .max) == 0)
        #expect(grants(uplink, at: 10 + 2 * Self.second, upTo: .max) > 0)
    }

    @Test func `that somebody had no limit long ago is asked about again`() async throws {
        let limiter = try limiter()
        server.say(#"{"in":0,"out":0}"#)
        _ = limiter.supplies(for: alice(), ConnectionShares(), nowNanoseconds: 0)
        await answer(limiter, at: 0)
        let later = 31 * Self.second
        let uplink = limiter.supplies(for: alice(), ConnectionShares(), nowNanoseconds: later)
            .uplink[0]
        #expect(grants(uplink, at: later, upTo: .max) == Limits.advanceBytes)
        server.say(#"{"in":65536,"out":0}"#)
        await answer(limiter, at: later)
        #expect(grants(uplink, at: later + Self.second / 2, upTo: .max) == 0)
    }

    @Test func `without an answer in time there is no limit, until there is one`() async throws {
        let limiter = try limiter()
        let downlink = limiter.supplies(for: alice(), ConnectionShares(), nowNanoseconds: 0)
            .downlink[0]
        downlink.changeUsers(by: 1)
        await answer(limiter, at: Self.second)
        #expect(grants(downlink, at: Self.second, upTo: 1 << 24) >= 1 << 24)
        server.say(#"{"in":0,"out":100000}"#)
        limiter.tick(nowNanoseconds: 3 * Self.second)
        await answer(limiter, at: 3 * Self.second)
        #expect(grants(downlink, at: 3 * Self.second, upTo: .max) <= 100_000)
    }

    @Test func `a server that fails leaves the last limits in force`() async throws {
        let limiter = try limiter()
        server.say(#"{"in":100000,"out":0}"#)
        let uplink = limiter.supplies(for: alice(), ConnectionShares(), nowNanoseconds: 0).uplink[0]
        uplink.changeUsers(by: 1)
        await answer(limiter, at: 0)
        for text in [nil, "nonsense", "{}", #"{"in":"1","out":2}"#] as [String?] {
            server.say(text)
            limiter.tick(nowNanoseconds: 100 * Self.second)
            await answer(limiter, at: 100 * Self.second)
            #expect(grants(uplink, at: 100 * Self.second, upTo: .max) <= 100_000, "\(text ?? "")")
        }
    }

    @Test func `who is gone is forgotten, a connection at once`() async throws {
        let limiter = try limiter([.connection, .client])
        server.say(#"{"in":100000,"out":0}"#)
        for port in 1...100 as ClosedRange<UInt16> {
            let supplies = limiter.supplies(
                for: alice(port: port), ConnectionShares(), nowNanoseconds: 0)
            if port == 7 { supplies.downlink[0].changeUsers(by: 1) }
        }
        await answer(limiter, at: 0)
        #expect(limiter.subjectCount == 101)
        limiter.tick(nowNanoseconds: 2 * Self.second)
        #expect(limiter.subjectCount == 2)
        limiter.tick(nowNanoseconds: 70 * Self.second)
        #expect(limiter.subjectCount == 1)
    }
}
