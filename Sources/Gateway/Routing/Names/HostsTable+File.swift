import Model

extension HostsTable {
    /// Adds what a file in the form of `/etc/hosts` (hosts(5)) says and returns the numbers, from
    /// 1, of the lines that say something else.
    ///
    /// A line is an address and names, between blanks; `#` starts a comment. Addresses with a zone
    /// are among what is not understood.
    package mutating func add(file text: String) -> [Int] {
        var refused: [Int] = []
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            guard let first = words.first else { continue }
            guard let address = IPAddress(first), words.count > 1 else {
                refused.append(index + 1)
                continue
            }
            add(address, names: words.dropFirst().lazy.map { String($0) })
        }
        return refused
    }
}
