import Model
import Options

/// Addresses with a range of ports, `:8000-8002`, which stand for several.
enum PortRange {
    /// The addresses of one; an address without a range stands for itself.
    static func expand(_ address: Located<String>) throws(YAMLFault) -> [Located<String>] {
        let text = address.value
        guard let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") else { return [address] }
        let ports = text[text.index(after: colon)...].split(
            separator: "-", omittingEmptySubsequences: false)
        guard ports.count == 2, let first = Endpoint.port(ports[0]),
            let last = Endpoint.port(ports[1])
        else { return [address] }
        guard first <= last, Int(last) - Int(first) < Limits.portsPerRange else {
            throw YAMLFault(
                "a range of ports goes upwards and has at most \(Limits.portsPerRange) of them",
                at: address.location)
        }
        return (first...last).map { Located("\(text[...colon])\($0)", at: address.location) }
    }
}
