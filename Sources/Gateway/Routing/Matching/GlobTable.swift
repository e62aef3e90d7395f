/// Globs, found by pieces of their literal text.
///
/// Each glob is filed under four bytes that every text matching it has in a row (fewer, if it has
/// no such piece), of all such pieces the one with the fewest globs so far. A look takes every
/// piece of the text and tries the globs filed under it. Globs without a literal byte are tried
/// always; there are few that differ.
struct GlobTable: Sendable {
    private struct Glob: Sendable {
        let pattern: [UInt8]
        var ports: PortSet
    }

    private static let pieceBytes = 4

    private var globs: [Glob] = []
    private var bare: [Int] = []
    private var shelves: [[UInt32]] = []
    /// Pieces with their length in the high half; 0 is an empty slot.
    private var pieces: [UInt64] = []
    private var shelfOfSlot: [UInt32] = []
    private var lengths: [Int] = []
    /// Whether a glob may match the text of an address.
    private(set) var concernsAddresses = false

    /// A table of patterns.
    init(_ patterns: [[UInt8]: PortSet]) {
        var shelfOfPiece: [UInt64: Int] = [:]
        // In order, so that the table of a list is always the same.
        for (pattern, ports) in patterns.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            let index = globs.count
            globs.append(Glob(pattern: pattern, ports: ports))
            if pattern.allSatisfy(Self.isOfAddress) { concernsAddresses = true }
            var (piece, load) = (UInt64(0), Int.max)
            for candidate in Self.pieces(of: pattern) {
                let globs = shelfOfPiece[candidate].map { shelves[$0].count } ?? 0
                if globs < load { (piece, load) = (candidate, globs) }
            }
            if piece == 0 {
                bare.append(index)
                continue
            }
            if let shelf = shelfOfPiece[piece] {
                shelves[shelf].append(UInt32(index))
            } else {
                shelfOfPiece[piece] = shelves.count
                shelves.append([UInt32(index)])
            }
        }
        file(shelfOfPiece)
    }

    /// Whether nothing is in it.
    var isEmpty: Bool { globs.isEmpty }

    private mutating func file(_ shelfOfPiece: [UInt64: Int]) {
        var size = 16
        while size < 2 * shelfOfPiece.count { size *= 2 }
        pieces = [UInt64](repeating: 0, count: size)
        shelfOfSlot = [UInt32](repeating: 0, count: size)
        for (piece, shelf) in shelfOfPiece {
            var slot = Self.slot(piece, size)
            while pieces[slot] != 0 { slot = (slot + 1) & (size - 1) }
            pieces[slot] = piece
            shelfOfSlot[slot] = UInt32(shelf)
        }
        lengths = Set(shelfOfPiece.keys.map { Int($0 >> 32) }).sorted()
    }

    /// The longest pieces that every text matching `pattern` has, of at most four bytes.
    private static func pieces(of pattern: [UInt8]) -> [UInt64] {
        let runs = pattern.split { isWild($0) }
        let longest = min(runs.map(\.count).max() ?? 0, pieceBytes)
        if longest == 0 { return [] }
        return runs.flatMap { run -> [UInt64] in
            guard run.count >= longest else { return [] }
            return (run.startIndex...run.endIndex - longest).map { start in
                run[start..<start + longest].reduce(0) { $0 << 8 | UInt64($1) }
                    | UInt64(longest) << 32
            }
        }
    }

    // MARK: Matching

    /// Whether a pattern matches a text, in lower case, and a port; nil is any port.
    func contains(_ text: Span<UInt8>, port: UInt16?) -> Bool {
        for index in bare where globs[index].ports.contains(port) {
            if Self.matches(globs[index].pattern, text) { return true }
        }
        for length in lengths where length <= text.count {
            let mask = UInt64.max >> UInt64(64 - 8 * length)
            var piece: UInt64 = 0
            for index in 0..<text.count {
                piece = (piece << 8 | UInt64(text[index])) & mask
                guard index + 1 >= length, let shelf = shelf(of: piece | UInt64(length) << 32)
                else { continue }
                if contains(text, port: port, shelf: shelf) { return true }
            }
        }
        return false
    }

    private func contains(_ text: Span<UInt8>, port: UInt16?, shelf: Int) -> Bool {
        for index in shelves[shelf] {
            let glob = globs[Int(index)]
            if glob.ports.contains(port) && Self.matches(glob.pattern, text) { return true }
        }
        return false
    }

    private func shelf(of piece: UInt64) -> Int? {
        var slot = Self.slot(piece, pieces.count)
        while pieces[slot] != 0 {
            if pieces[slot] == piece { return Int(shelfOfSlot[slot]) }
            slot = (slot + 1) & (pieces.count - 1)
        }
        return nil
    }

    /// Whether a glob matches the whole text. At most as many steps as both lengths multiplied: a
    /// star that was passed is never tried again once a later one is reached.
    static func matches(_ pattern: [UInt8], _ text: Span<UInt8>) -> Bool {
        var (place, index) = (0, 0)
        var star: (place: Int, index: Int)?
        while index < text.count {
            if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
                star = (place, index)
                place += 1
            } else if place < pattern.count,
                pattern[place] == UInt8(ascii: "?") || pattern[place] == text[index]
            {
                place += 1
                index += 1
            } else if let last = star {
                star = (last.place, last.index + 1)
                (place, index) = (last.place + 1, last.index + 1)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    private static func isWild(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "*") || byte == UInt8(ascii: "?")
    }

    /// Whether the byte may be in a pattern that matches the text of an address.
    private static func isOfAddress(_ byte: UInt8) -> Bool {
        isWild(byte) || (48...58).contains(byte) || (97...102).contains(byte)
            || byte == UInt8(ascii: ".")
    }

    private static func slot(_ piece: UInt64, _ count: Int) -> Int {
        Int(truncatingIfNeeded: piece &* 0x9e37_79b9_7f4a_7c15 >> 33) & (count - 1)
    }
}
