/// A certificate for localhost that signs itself, made for one test.
struct Certificate {
    let file: String
    let key: String

    static func make(in folder: TemporaryFolder) throws -> Certificate {
        let certificate = Certificate(
            file: folder.path("certificate.pem"), key: folder.path("key.pem"))
        let made = try run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-days", "2",
                "-addext", "subjectAltName=DNS:localhost",
                "-keyout", certificate.key, "-out", certificate.file,
            ], in: folder)
        guard made.isSuccess else { throw HarnessFailure("no certificate: \(made)") }
        return certificate
    }
}
