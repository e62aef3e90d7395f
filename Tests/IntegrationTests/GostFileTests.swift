import Testing

/// Keys of gost's own files for the handlers that exist here.
@Suite("A gost file runs unchanged", .ownThread)
struct GostFileTests {
    /// A gateway on `yaml`, in which `PORT` is the service's port.
    private func withFile(_ yaml: String, _ body: (Gateway) throws -> Void) throws {
        var text = GatewayText(services: [GatewayText.Service()], meters: [])
        text.literal = yaml
        try withGateway(text, body)
    }

    private func expect(
        _ isLetIn: Bool, _ gateway: Gateway, _ user: String, _ password: String,
        _ place: SourceLocation = #_sourceLocation
    ) throws {
        let client = try SOCKSClient(gateway.address)
        let chosen = try client.greet([2])
        let status = try client.login(user, password)
        #expect(chosen == 2)
        #expect((status == 0) == isLetIn, "\(user) with \(password)", sourceLocation: place)
    }

    @Test func `a handler's own auth asks for its one password`() throws {
        try withFile(
            """
            services:
            - name: service-0
              addr: 127.0.0.1:PORT
              handler:
                type: socks
                auth: { username: gost, password: pw-of-gost }
              listener: { type: tcp }
            """
        ) { gateway in
            try expect(true, gateway, "gost", "pw-of-gost")
            try expect(false, gateway, "gost", "pw-of-other")
            let anonymous = try SOCKSClient(gateway.address)
            #expect(try anonymous.greet([0]) == 0xff)
        }
    }

    @Test func `an auther beats auth, several authers are asked in turn`() throws {
        try withFile(
            """
            services:
            - name: service-0
              addr: 127.0.0.1:PORT
              handler:
                type: socks5
                authers: [first, second]
                auth: { username: gost, password: pw-of-gost }
              listener: { type: tcp }
            authers:
            - name: first
              auths: [{ username: anna, password: pw-of-anna }]
            - name: second
              auths: [{ username: otto, password: pw-of-otto }]
            """
        ) { gateway in
            try expect(true, gateway, "anna", "pw-of-anna")
            try expect(true, gateway, "otto", "pw-of-otto")
            try expect(false, gateway, "otto", "pw-of-anna")
            try expect(false, gateway, "gost", "pw-of-gost")
        }
    }

    @Test func `users may stand in a file`() throws {
        let folder = try TemporaryFolder()
        let users = try folder.write(
            "# comment\nanna pw-of-anna\notto   pw-of-otto\n", to: "users.txt")
        try withFile(
            """
            services:
            - name: service-0
              addr: 127.0.0.1:PORT
              handler: { type: socks5, auther: file }
              listener: { type: tcp }
            authers:
            - name: file
              file: { path: \(users) }
            """
        ) { gateway in
            try expect(true, gateway, "anna", "pw-of-anna")
            try expect(true, gateway, "otto", "pw-of-otto")
            try expect(false, gateway, "#", "comment")
        }
    }

    @Test func `associations take ports of the range given`() throws {
        let base = try Ports.free()
        try withFile(
            """
            services:
            - name: service-0
              addr: 127.0.0.1:PORT
              handler:
                type: socks5
                metadata:
                  udp: true
                  udp.bindRange.min: \(base)
                  udp.bindRange.max: \(base + 20)
              listener: { type: tcp }
            """
        ) { gateway in
            let origin = try UDPOrigin()
            let associations = try (0..<5).map { _ in try Association(gateway.address) }
            for association in associations {
                #expect((base...base + 20).contains(association.relay.port))
                #expect(try association.exchange([1], with: origin.address) == [1])
            }
        }
    }

    @Test func `metadata keys are read in any case, numbers of seconds are seconds`() throws {
        try withFile(
            """
            services:
            - name: service-0
              addr: 127.0.0.1:PORT
              handler:
                type: SOCKS5
                metadata: { READTIMEOUT: 1, Udp: "true" }
              listener: { type: tcp }
            """
        ) { gateway in
            _ = try Association(gateway.address)
            let silent = try SOCKSClient(gateway.address)
            #expect(silent.socket.isClosedByPeer(within: 6))
        }
    }
}
