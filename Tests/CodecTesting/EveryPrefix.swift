import Chance
package import Codecs

/// What breaks the rules that every decoder follows for a whole message; empty when nothing does.
///
/// Every strict prefix is answered by `needs`, with a count above 0 and at most what is missing;
/// the whole gives `value`; and bytes that follow are neither taken nor change anything.
package func checkEveryPrefix<Value: Equatable, Fault>(
    of message: [UInt8], gives value: Value, decode: (RawSpan) -> Decoded<Value, Fault>
) -> [String] {
    var broken: [String] = []
    for count in 0..<message.count {
        let missing = message.count - count
        switch decode(message.span.bytes.extracting(first: count)) {
        case .needs(let more):
            if more <= 0 || more > missing {
                broken.append("\(count) bytes: needs \(more), \(missing) are missing")
            }
        case .value(let early, let consumed):
            broken.append("\(count) bytes: already \(early), \(consumed) consumed")
        case .fault(let fault):
            broken.append("\(count) bytes: fault \(fault)")
        }
    }
    for trailing in [[], [0x00], [UInt8](repeating: 0xff, count: 300)] {
        let bytes = message + trailing
        switch decode(bytes.span.bytes) {
        case .needs(let more):
            broken.append("whole and \(trailing.count): needs \(more)")
        case .value(let decoded, let consumed):
            if decoded != value { broken.append("whole: \(decoded) is not \(value)") }
            if consumed != message.count { broken.append("whole: \(consumed) consumed") }
        case .fault(let fault):
            broken.append("whole and \(trailing.count): fault \(fault)")
        }
    }
    return broken
}

/// What breaks the rules on `rounds` hostile inputs that follow from `seed`: random bytes, and
/// `examples` with bytes changed, cut off, doubled and added. A trap ends the test process.
///
/// `needs` is above 0 and true: with fewer bytes more there is no value. `value` has taken at least
/// one byte and no more than there are.
package func checkRandomInput<Value, Fault>(
    like examples: [[UInt8]], rounds: Int, seed: UInt64,
    decode: (RawSpan) -> Decoded<Value, Fault>
) -> [String] {
    var random = SplitMix64(seed: seed)
    var broken: [String] = []
    for _ in 0..<rounds {
        let input = hostileInput(like: examples, using: &random)
        switch decode(input.span.bytes) {
        case .needs(let more):
            if more <= 0 {
                broken.append("\(input): needs \(more)")
                continue
            }
            let filler = (0..<min(more - 1, 300)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            if case .value = decode((input + filler).span.bytes) {
                broken.append("\(input): needs \(more), but \(filler) was enough")
            }
        case .value(_, let consumed):
            if consumed <= 0 || consumed > input.count {
                broken.append("\(input): \(consumed) consumed")
            }
        case .fault:
            break
        }
    }
    return broken
}

/// One input that a careless decoder might not survive.
private func hostileInput(like examples: [[UInt8]], using random: inout SplitMix64) -> [UInt8] {
    guard let example = examples.randomElement(using: &random),
        Int.random(in: 0..<4, using: &random) > 0
    else {
        let count = Int.random(in: 0...40, using: &random)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }
    var bytes = example
    for _ in 0..<Int.random(in: 0...4, using: &random) {
        guard let index = bytes.indices.randomElement(using: &random) else { break }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[index] ^= 1 << UInt8.random(in: 0...7, using: &random)
        case 2: bytes.removeSubrange(index...)
        case 3: bytes.insert([0, 0xff, 0xc0].randomElement(using: &random) ?? 0, at: index)
        default: bytes.append(contentsOf: bytes[index...])
        }
    }
    return bytes
}

/// What a decoder makes of `bytes`.
///
/// For expectations: inside their macros a span of a temporary array outlives the array (6.3.1).
package func decode<Value, Fault>(
    _ bytes: [UInt8], by decode: (RawSpan) -> Decoded<Value, Fault>
) -> Decoded<Value, Fault> {
    decode(bytes.span.bytes)
}
