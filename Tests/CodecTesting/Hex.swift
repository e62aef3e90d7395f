/// Bytes written as hexadecimal pairs; what follows `//` on a line explains them and is left out.
///
/// Traps on anything else: a vector that is mistyped must not pass as another one.
package func hex(_ text: String) -> [UInt8] {
    var digits: [UInt8] = []
    for line in text.split(separator: "\n") {
        let code = line.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)[0]
        for character in code where !character.isWhitespace {
            guard let digit = character.hexDigitValue else {
                preconditionFailure("'\(character)' is no hexadecimal digit")
            }
            digits.append(UInt8(digit))
        }
    }
    precondition(digits.count % 2 == 0, "a vector has half a byte")
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
