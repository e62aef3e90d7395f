import CodecTesting
import Codecs
import KernelTesting
import Model

/// A DNS server in the simulated network, on UDP and TCP.
///
/// ## Concurrency
/// Belongs to its `SimulatedKernel`, one thread.
final class SimulatedNameServer {
    /// What it does with a question.
    enum Manner {
        /// Answers from its records; a name without any does not exist.
        case answers
        /// Says nothing.
        case silent
        /// Answers with this RCODE.
        case fails(UInt16)
        /// Sets TC over UDP and answers over TCP.
        case truncates
        /// Sets TC over UDP and closes TCP connections at once.
        case truncatesAndCloses
        /// Answers as somebody else's question: the id is wrong.
        case mistakes
    }

    var manner = Manner.answers
    /// Addresses by name, lower case.
    var records: [String: [IPAddress]]
    var lifetimeSeconds: UInt32 = 60
    var absenceSeconds: UInt32 = 30
    /// Every question, as `name type transport`.
    private(set) var asked: [String] = []
    /// Where each question said that it comes from.
    private(set) var subnets: [IPPrefix?] = []
    let endpoint: Endpoint
    private var listener: PeerListener?

    init(_ peer: SimulatedPeer, records: [String: [String]] = [:]) throws {
        self.records = records.mapValues { $0.compactMap { IPAddress($0) } }
        endpoint = Endpoint(peer.address, 53)
        _ = try peer.bindDatagrams(port: 53) { [self] socket, datagram in
            guard let reply = answer(to: datagram.bytes, over: .udp) else { return }
            try? socket.send(reply, to: datagram.source)
        }
        listener = try peer.listen(port: 53) { [self] connection in
            if case .truncatesAndCloses = manner { return connection.close() }
            connection.onReceive = { [self] connection, _ in serve(connection) }
        }
    }

    /// Questions of one type.
    func count(_ suffix: String) -> Int { asked.count { $0.hasSuffix(suffix) } }

    private func serve(_ connection: PeerStream) {
        let bytes = connection.received
        guard bytes.count >= 2 else { return }
        let length = Int(bytes[0]) << 8 | Int(bytes[1])
        guard bytes.count == 2 + length, let reply = answer(to: Array(bytes[2...]), over: .tcp)
        else { return }
        connection.send([UInt8(reply.count >> 8), UInt8(reply.count & 0xff)] + reply)
    }

    private func answer(to bytes: [UInt8], over transport: TransportProtocol) -> [UInt8]? {
        guard let query = DNS.Query(received: bytes) else { return nil }
        let name = query.question.name.description.lowercased()
        let type = query.question.type == .a ? "A" : "AAAA"
        subnets.append(query.clientSubnet)
        asked.append("\(name) \(type) \(transport.name)")
        var answer = DNSAnswer(id: query.id, question: query.question)
        switch manner {
        case .silent: return nil
        case .fails(let code): answer.code = code
        case .truncates, .truncatesAndCloses:
            if transport == .udp {
                answer.isTruncated = true
                return answer.encoded()
            }
            fill(&answer, name, type)
        case .answers: fill(&answer, name, type)
        case .mistakes:
            answer.id &+= 1
            fill(&answer, name, type)
        }
        return answer.encoded()
    }

    private func fill(_ answer: inout DNSAnswer, _ name: String, _ type: String) {
        let known = records[name]
        answer.answers = (known ?? []).filter { $0.isV4 == (type == "A") }.map {
            DNSAnswer.Record(name, lifetimeSeconds, .address($0))
        }
        if known == nil { answer.code = 3 }
        if answer.answers.isEmpty {
            answer.authorities = [
                DNSAnswer.Record("example", 3600, .start(minimumSeconds: absenceSeconds))
            ]
        }
    }
}
