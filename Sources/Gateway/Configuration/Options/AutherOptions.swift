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
    /// The password, or its hash, `$scrypt$ln=15,r=8,p=1$SALT$HASH`; not empty.
    package let password: Located<String>

    init(username: Located<String>, password: Located<String>) {
        self.username = username
        self.password = password
    }

    /// Whether the password is a scrypt hash.
    package var isHashed: Bool { PasswordHashText.isClaimed(by: password.value) }
}
