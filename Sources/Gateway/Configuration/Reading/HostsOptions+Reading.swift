import Model
import Options

extension HostsOptions {
    /// Reads one entry of `hosts:`.
    init(from reader: inout OptionReader, files: inout FileAccess) {
        name = reader.name(of: "list of hosts")
        inline = reader.mappings("mappings") { Self.mapping(from: &$0) }.compactMap { $0 }
        file = ListFile.read(from: &reader)
        reader.notYet(.error, ["redis", "http", "plugin"])
        fromFile = file.map { Self.mappings(in: $0.path, files: &files) } ?? []
    }

    /// Reads the file's lines again, by a reader that has the file; all mappings come of it.
    package func reread(with reader: @escaping FileReader) -> Reread<[Mapping]> {
        Reread.reading(with: reader) { files in
            inline + (file.map { Self.mappings(in: $0.path, files: &files) } ?? [])
        }
    }

    private static func mapping(from reader: inout OptionReader) -> Mapping? {
        let address = reader.value(["ip"], mustBe: "an IP address") { node in
            node.text.flatMap { IPAddress($0) }
        }
        if !reader.has("ip") { reader.missing("ip") }
        let name = reader.requiredString("hostname")
        let aliases = reader.strings("aliases")
        guard let address, let name else { return nil }
        return Mapping(
            address: address.value, names: ([name] + aliases).map { $0.value.lowercased() })
    }

    /// Reads the syntax of hosts(5).
    private static func mappings(in path: Located<String>, files: inout FileAccess) -> [Mapping] {
        let lines = files.lines(of: path, comments: .anywhere, visibility: .masked)
        return (lines ?? []).compactMap { words in
            guard let address = IPAddress(words[0].value) else {
                files.report(.error, at: words[0].location, "a line starts with an IP address")
                return nil
            }
            guard words.count > 1 else {
                files.report(.error, at: words[0].location, "this address has no name")
                return nil
            }
            return Mapping(
                address: address, names: words.dropFirst().map { $0.value.lowercased() })
        }
    }
}
