import Configuration
import Crypto
import Inbound
import Loop
import Model
import Options
import Routing

/// Makes the objects that services name, each once, and has their files followed.
///
/// ## Concurrency
/// Used by the control loop; what it makes is `Sendable`.
struct ObjectFactory {
    let options: GatewayOptions
    let shared: SharedObjects
    let files: FileSources
    let digest: KeyedDigest

    // MARK: Lists of hosts

    /// The admissions of these names; names that there are not were refused before.
    func admissions(_ names: [Located<String>]) -> AdmissionGroup {
        if names.isEmpty { return .everybody }
        return AdmissionGroup(
            names.compactMap { name in
                options.admissions.first { $0.name.value == name.value }.map(admission)
            })
    }

    /// The admission that options describe.
    func admission(_ list: AdmissionOptions) -> AdmissionList {
        let name = list.name.value
        return shared.object(.admissions, name) {
            let patterns = Published(PatternSet(list.clients.patterns))
            files.follow(
                list.clients.file, of: "admission '\(name)'", for: patterns,
                reread: { list.reread(with: $0).map { PatternSet($0) } },
                publish: { $0.publish($1) })
            return AdmissionList(name: name, isWhitelist: list.isWhitelist, patterns: patterns)
        }
    }

    /// The bypasses of these names; names that there are not were refused before.
    func bypasses(_ names: [Located<String>]) -> BypassGroup {
        if names.isEmpty { return .none }
        return BypassGroup(
            names.compactMap { name in
                options.bypasses.first { $0.name.value == name.value }.map(bypass)
            })
    }

    /// The bypass that options describe.
    func bypass(_ list: BypassOptions) -> BypassList {
        let name = list.name.value
        return shared.object(.bypasses, name) {
            let patterns = Published(PatternSet(list.destinations.patterns))
            files.follow(
                list.destinations.file, of: "bypass '\(name)'", for: patterns,
                reread: { list.reread(with: $0).map { PatternSet($0) } },
                publish: { $0.publish($1) })
            return BypassList(
                name: name, isWhitelist: list.isWhitelist, transport: list.transport,
                patterns: patterns)
        }
    }

    // MARK: Names

    /// The list of hosts of a name; nil is an empty one.
    func hosts(_ name: String?) -> Published<HostsTable> {
        guard let list = options.hosts.first(where: { $0.name.value == name }) else {
            return Published(HostsTable())
        }
        return shared.object(.hosts, list.name.value) {
            let table = Published(Self.table(list.mappings))
            files.follow(
                list.file, of: "list of hosts '\(list.name.value)'", for: table,
                reread: { list.reread(with: $0).map { Self.table($0) } },
                publish: { $0.publish($1) })
            return table
        }
    }

    /// The lists of hosts that nodes of chains may name, by their names.
    func hostsOfNodes() -> [String: Published<HostsTable>] {
        if options.chains.isEmpty { return [:] }
        var tables: [String: Published<HostsTable>] = [:]
        for list in options.hosts { tables[list.name.value] = hosts(list.name.value) }
        return tables
    }

    private static func table(_ mappings: [HostsOptions.Mapping]) -> HostsTable {
        var table = HostsTable()
        for mapping in mappings { table.add(mapping.address, names: mapping.names) }
        return table
    }

    // MARK: Users

    /// The users of the auther of a name; nil where the configuration has none.
    func auther(_ name: String) -> UserTable? {
        guard let auther = options.authers.first(where: { $0.name.value == name }) else {
            return nil
        }
        return shared.object(.authers, name) {
            let table = users(auther.users)
            files.follow(
                auther.file, of: "auther '\(name)'", for: table,
                reread: { auther.reread(with: $0).map { Self.secrets($0) } },
                publish: { $0.replace($1) })
            return table
        }
    }

    /// A table of users that never changes.
    func users(_ users: [Credential]) -> UserTable {
        UserTable(Self.secrets(users), digest: digest)
    }

    private static func secrets(_ users: [Credential]) -> [String: UserTable.Secret] {
        var secrets: [String: UserTable.Secret] = [:]
        for user in users {
            secrets[user.username.value] =
                user.hash.map { .hashed($0) } ?? .plain(user.password.value)
        }
        return secrets
    }
}
