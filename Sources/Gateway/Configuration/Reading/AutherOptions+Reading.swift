import Crypto
import Model
import Options

extension AutherOptions {
    /// Reads one entry of `authers:`.
    init(from reader: inout OptionReader, files: inout FileAccess) {
        name = reader.name(of: "auther")
        let listed = reader.mappings("auths") { Credential(from: &$0) }.compactMap { $0 }
        file = ListFile.read(from: &reader)
        reader.notYet(.error, ["redis", "http"])
        let isRemote = reader.has("plugin")
        plugin =
            reader.mapping("plugin") { HTTPPluginOptions(from: &$0, atRisk: "passwords") } ?? nil
        if isRemote, reader.has("auths") || reader.has("file") {
            reader.warn(
                "the plugin of the auther '\(name.value)' is asked, and its lists are not read",
                at: name.location, hint: "make two authers, and name both with authers:")
        }
        inline = Self.unique(listed) { reader.report($0) }
        fromFile = file.map { Self.users(in: $0, files: &files) } ?? []
        users = Self.merged(inline, fromFile)
        if users.isEmpty, !isRemote {
            reader.warn(
                "the auther '\(name.value)' has no users and lets nobody in", at: name.location)
        }
    }

    /// Reads the file's lines again, by a reader that has the file; all users come of it.
    package func reread(with reader: @escaping FileReader) -> Reread<[Credential]> {
        Reread.reading(with: reader) { files in
            Self.merged(inline, file.map { Self.users(in: $0, files: &files) } ?? [])
        }
    }

    private static func users(in file: ListFile, files: inout FileAccess) -> [Credential] {
        let users = Credential.users(in: file.path, files: &files) ?? []
        return unique(users) { finding in
            files.report(finding.severity, at: finding.location, finding.message)
        }
    }

    /// The first of each name; the others are reported.
    private static func unique(
        _ users: [Credential], report: (Diagnostic) -> Void
    ) -> [Credential] {
        var seen: Set<String> = []
        return users.filter { user in
            let name = user.username
            if seen.insert(name.value).inserted { return true }
            report(
                Diagnostic(
                    .error, at: name.location, "the user '\(name.value)' is listed twice"))
            return false
        }
    }

    /// Users of both lists; of those in both the second list's.
    static func merged(_ first: [Credential], _ second: [Credential]) -> [Credential] {
        var users = first
        let indices = Dictionary(
            uniqueKeysWithValues: first.enumerated().map { ($1.username.value, $0) })
        for user in second {
            if let index = indices[user.username.value] {
                users[index] = user
            } else {
                users.append(user)
            }
        }
        return users
    }
}

extension Credential {
    /// Reads `{username, password}`; nil after a mistake.
    init?(from reader: inout OptionReader) {
        let username = reader.requiredString("username")
        let password = reader.requiredString(
            "password", hint: "an empty password would let anyone in")
        guard let username, let password else { return nil }
        self.init(username: username, password: password) { reader.report($0) }
    }

    /// Reads `auth: {username, password, file}` of a handler: the pair, or the first of a file.
    static func handlerAuth(
        from reader: inout OptionReader, files: inout FileAccess
    ) -> Credential? {
        guard let path = reader.locatedString("file") else { return Credential(from: &reader) }
        if reader.has("username") || reader.has("password") {
            reader.warn(
                "'file' is read; username and password beside it are not", at: path.location)
        }
        reader.accept("username", "password")
        guard let users = Self.users(in: path, files: &files) else { return nil }
        guard let first = users.first else {
            reader.error("'\(path.value)' has no line 'user password'", at: path.location)
            return nil
        }
        if users.count > 1 {
            reader.warn(
                "only the first user of '\(path.value)' is taken", at: path.location,
                hint: "put several users under authers: and name it with auther:")
        }
        return first
    }

    /// The users of a file with a line `user password` each; nil if it cannot be read.
    static func users(in path: Located<String>, files: inout FileAccess) -> [Credential]? {
        let lines = files.lines(of: path, comments: .wholeLines, visibility: .hidden)
        return lines?.compactMap { words in
            guard words.count == 2 else {
                files.report(
                    .error, at: words[0].location,
                    words.count == 1
                        ? "this user has no password" : "a line is a user and a password",
                    hint: words.count == 1 ? "an empty password would let anyone in" : nil)
                return nil
            }
            return Credential(username: words[0], password: words[1]) { finding in
                files.report(finding.severity, at: finding.location, finding.message)
            }
        }
    }

    /// A password, or the hash that its text claims to be; nil where that cannot be read.
    private init?(
        username: Located<String>, password: Located<String>, report: (Diagnostic) -> Void
    ) {
        let text = password.value
        guard PasswordHash.isClaimed(by: text) else {
            if Self.otherHashes.contains(where: { text.hasPrefix($0) }) {
                report(
                    Diagnostic(
                        .warning, at: password.location,
                        "this looks like a hash and is compared as a password",
                        hint: "hashes are of the form $scrypt$ln=15,r=8,p=1$SALT$HASH"))
            }
            self.init(username: username, password: password, hash: nil)
            return
        }
        do throws(PasswordHash.Fault) {
            let hash = try PasswordHash(parsing: text)
            self.init(username: username, password: password, hash: hash)
        } catch {
            report(
                Diagnostic(
                    .error, at: password.location, "this scrypt hash cannot be read: \(error)",
                    hint: "the form is $scrypt$ln=15,r=8,p=1$SALT$HASH"))
            return nil
        }
    }

    /// How hashes begin that are not read here.
    private static let otherHashes = [
        "$2a$", "$2b$", "$2y$", "$argon2", "$pbkdf2", "$5$", "$6$", "$y$",
    ]
}

extension OptionReader {
    /// The `name` of an object; after a mistake a stand-in at the object's place.
    mutating func name(of kind: String) -> Located<String> {
        let place = location ?? Location(file: "", line: 1, column: 1)
        return requiredString("name", hint: "every \(kind) has a name")
            ?? Located("", at: place)
    }
}
