package import Crypto
package import Options

/// A list of users with their passwords.
package struct AutherOptions: Sendable {
    /// Unique among authers.
    package let name: Located<String>
    /// Users of the file itself and of `file:`; each name once.
    package let users: [Credential]

    init(name: Located<String>, users: [Credential]) {
        self.name = name
        self.users = users
    }
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
