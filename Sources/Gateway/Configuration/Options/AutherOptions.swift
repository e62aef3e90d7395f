package import Crypto
package import Options

/// A list of users with their passwords.
package struct AutherOptions: Sendable {
    /// Unique among authers.
    package let name: Located<String>
    /// Users of the configuration itself; each name once.
    package let inline: [Credential]
    /// Users that the file had when the configuration was loaded; each name once.
    package let fromFile: [Credential]
    /// The file, if there is one.
    package let file: ListFile?
    /// The server that is asked instead; then there are no users here.
    package let plugin: HTTPPluginOptions?

    init(
        name: Located<String>, inline: [Credential], fromFile: [Credential], file: ListFile?,
        plugin: HTTPPluginOptions? = nil
    ) {
        self.name = name
        self.inline = inline
        self.fromFile = fromFile
        self.file = file
        self.plugin = plugin
        users = Self.merged(inline, fromFile)
    }

    /// All users, each name once: the file's word is the last.
    package let users: [Credential]
}

/// A user and what proves that it is him.
package struct Credential: Sendable {
    /// The name, not empty.
    package let username: Located<String>
    /// The password as the file has it, or its hash; not empty.
    package let password: Located<String>
    /// The hash, where the file has one; then `password` is its text and no password.
    package let hash: PasswordHash?

    init(username: Located<String>, password: Located<String>, hash: PasswordHash?) {
        self.username = username
        self.password = password
        self.hash = hash
    }
}
