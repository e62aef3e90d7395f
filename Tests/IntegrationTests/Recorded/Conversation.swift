import Foundation
import Testing

/// One conversation between a gost client and a gost server, as it was on the wire.
struct Conversation: Sendable, CustomTestStringConvertible {
    /// Who said something.
    enum Side: Character {
        case client = ">"
        case server = "<"
    }

    /// What one side said before the other did.
    struct Turn: Sendable {
        let side: Side
        var said = Speech()
        /// What Weir says in this place, where it differs, and why.
        var instead: Speech?
        var reason = ""

        /// What Weir says here.
        var expected: Speech { instead ?? said }
    }

    var name = ""
    /// The configurations, as JSON; nil where that side was no gost.
    var server: String?
    var client: String?
    /// What used the client: what it said, and what it was told.
    var application: [Turn] = []
    var turns: [Turn] = []

    var testDescription: String { name }
    /// Whether the application sent datagrams to the client.
    var usesDatagrams: Bool { client?.contains(#""listener":{"type":"udp""#) ?? false }
}

/// Bytes, and whether the stream ends behind them.
struct Speech: Sendable, CustomStringConvertible {
    /// A byte, or nil for any.
    var bytes: [UInt8?] = []
    /// What is written at one time, by the number of bytes up to there.
    var writes: [Int] = []
    var ends = false

    /// The bytes to send; any byte is 0.
    var parts: [[UInt8]] {
        var parts: [[UInt8]] = []
        var start = 0
        for end in writes {
            parts.append(bytes[start..<end].map { $0 ?? 0 })
            start = end
        }
        return parts
    }

    /// Whether this is what was heard.
    func matches(_ heard: [UInt8]) -> Bool {
        heard.count == bytes.count && zip(bytes, heard).allSatisfy { $0 == nil || $0 == $1 }
    }

    mutating func add(_ line: Substring) throws {
        switch line {
        case "end": ends = true
        case "silence": break
        default:
            bytes += line.first == "\"" ? Self.quoted(line) : try Self.hexadecimal(line)
            writes.append(bytes.count)
        }
    }

    private static func hexadecimal(_ line: Substring) throws -> [UInt8?] {
        var bytes: [UInt8?] = []
        var rest = line
        while !rest.isEmpty {
            let pair = rest.prefix(2)
            rest = rest.dropFirst(2)
            let byte = UInt8(pair, radix: 16)
            guard byte != nil || pair == "??" else { throw HarnessFailure("no bytes: \(line)") }
            bytes.append(byte)
        }
        return bytes
    }

    private static func quoted(_ line: Substring) -> [UInt8?] {
        var bytes: [UInt8?] = []
        var isEscaped = false
        for byte in line.dropFirst().dropLast().utf8 {
            switch (isEscaped, byte) {
            case (false, UInt8(ascii: "\\")):
                isEscaped = true
                continue
            case (true, UInt8(ascii: "r")): bytes.append(13)
            case (true, UInt8(ascii: "n")): bytes.append(10)
            case (true, UInt8(ascii: "?")): bytes.append(nil)
            default: bytes.append(byte)
            }
            isEscaped = false
        }
        return bytes
    }

    var description: String {
        let text = String(decoding: bytes.map { $0 ?? UInt8(ascii: "?") }, as: UTF8.self)
        let isText = text.utf8.allSatisfy { (32...126).contains($0) || $0 == 13 || $0 == 10 }
        let hexadecimal = bytes.map { $0.map { String(format: "%02x", $0) } ?? "??" }.joined()
        return (isText ? text.debugDescription : hexadecimal) + (ends ? " and the end" : "")
    }
}

extension Conversation {
    /// Those in the file `name` beside these sources.
    static func read(_ name: String) -> [Conversation] {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Conversations/\(name).txt")
        do {
            return try parse(String(contentsOf: file, encoding: .utf8))
        } catch {
            Issue.record("\(file.path): \(error)")
            return []
        }
    }

    private static func parse(_ text: String) throws -> [Conversation] {
        var all: [Conversation] = []
        var current: Conversation?
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            if line.hasPrefix("== ") {
                if let current { all.append(current) }
                current = Conversation(name: String(line.dropFirst(3)))
            } else {
                try current?.add(line)
            }
        }
        return all + (current.map { [$0] } ?? [])
    }

    private mutating func add(_ line: Substring) throws {
        let word = line.prefix { $0 != " " }
        let rest = line.dropFirst(word.count + 1)
        switch word {
        case "server": server = String(rest)
        case "client": client = String(rest)
        case "app": try Self.add(rest.dropFirst(2), rest.prefix(1), to: &application)
        case ">", "<": try Self.add(rest, word, to: &turns)
        case "=":
            guard let last = turns.indices.last else { throw HarnessFailure("nothing differs") }
            turns[last].instead = turns[last].instead ?? Speech()
            try turns[last].instead?.add(rest)
        case "why":
            guard let last = turns.indices.last, turns[last].instead != nil else {
                throw HarnessFailure("a reason for nothing: \(line)")
            }
            turns[last].reason = String(rest)
        default: throw HarnessFailure("no line of a conversation: \(line)")
        }
    }

    private static func add(
        _ speech: Substring, _ mark: Substring, to turns: inout [Turn]
    ) throws {
        guard let side = mark.first.flatMap(Side.init(rawValue:)) else {
            throw HarnessFailure("nobody says \(speech)")
        }
        if turns.last?.side != side { turns.append(Turn(side: side)) }
        try turns[turns.count - 1].said.add(speech)
    }
}
