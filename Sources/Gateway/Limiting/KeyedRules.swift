package import Model

/// Values by the key of a limiter's line, and which of them are a client's.
///
/// Of lines about addresses, the longest range decides, then `$ip`; of lines about users, the
/// user's own, then `$user`. `$` and `$$` count besides.
package struct KeyedRules<Value: Sendable>: Sendable {
    /// `$`.
    package private(set) var everything: Value?
    /// `$$`.
    package private(set) var eachConnection: Value?
    private var eachAddress: Value?
    private var eachUser: Value?
    private var users: [String: Value] = [:]
    private var ranges: [IPPrefix: Value] = [:]
    /// Lengths of ranges that occur, the longest first, apart for IPv4 and IPv6.
    private var lengthsV4: [Int] = []
    private var lengthsV6: [Int] = []

    /// Rules from lines; of two with one key the later counts.
    package init(_ lines: [(key: LimitKey, value: Value)] = []) {
        for line in lines {
            switch line.key {
            case .everything: everything = line.value
            case .eachConnection: eachConnection = line.value
            case .eachAddress: eachAddress = line.value
            case .eachUser: eachUser = line.value
            case .user(let name): users[name] = line.value
            case .addresses(let range): ranges[range] = line.value
            }
        }
        lengthsV4 = lengths(isV4: true)
        lengthsV6 = lengths(isV4: false)
    }

    private func lengths(isV4: Bool) -> [Int] {
        Set(ranges.keys.filter { $0.address.isV4 == isV4 }.map(\.length)).sorted(by: >)
    }

    /// What holds for an address.
    package func value(of address: IPAddress) -> Value? {
        for length in address.isV4 ? lengthsV4 : lengthsV6 {
            if let range = IPPrefix(address, length: length), let value = ranges[range] {
                return value
            }
        }
        return eachAddress
    }

    /// What holds for a user; nil without one.
    package func value(of user: String?) -> Value? {
        user.flatMap { users[$0] ?? eachUser }
    }
}

extension KeyedRules: Equatable where Value: Equatable {}
