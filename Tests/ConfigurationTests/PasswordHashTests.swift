import Configuration
import Testing

@Suite("Hashed passwords in files")
struct PasswordHashTests {
    @Test(arguments: [
        ("$scrypt$ln=15,r=8,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OWFiY2RlZg", true),
        ("$scrypt$ln=15,r=8,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OWFiY2RlZg==", false),
        ("$scrypt$ln=21,r=8,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OWFiY2RlZg", false),
        ("$scrypt$ln=20,r=8,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OWFiY2RlZg", false),
        ("$scrypt$ln=15,r=8,p=1$c2Fs$MDEyMzQ1Njc4OWFiY2RlZg", false),
        ("$scrypt$ln=15,r=8$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OWFiY2RlZg", false),
        ("$scrypt$ln=15,r=8,p=1$c2FsdHNhbHRzYWx0$MDEy", false),
        ("$scrypt$", false),
    ])
    func `a scrypt hash is read or refused`(text: String, isRead: Bool) {
        let yaml = """
            services:
            - name: s
              addr: "127.0.0.1:1"
              handler: { type: socks5, auth: { username: u, password: "\(text)" } }
            """
        let loaded = Configuration.load(bytes: Array(yaml.utf8), file: "f")
        #expect(loaded.isRefused != isRead)
        #expect((loaded.options.services[0].handler.credential?.hash != nil) == isRead)
    }
}
