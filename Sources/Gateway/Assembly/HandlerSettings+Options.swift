import Configuration
import Inbound
import Model
import Options

extension SOCKSSettings {
    /// What the options of a SOCKS handler mean. Where a service has a chain, BIND may not go past
    /// it.
    init(_ options: SOCKS5Options, hasChain: Bool) {
        self.init(
            servesDatagrams: options.allowsUDP,
            servesBind: options.allowsBind && !hasChain,
            publicAddress: options.publicAddress, datagramPorts: options.udpPorts)
    }
}

extension HTTPSettings {
    /// What the options of an HTTP handler mean. `idleTimeout` bounds the time between requests as
    /// well, where it is set.
    init(_ options: HTTPOptions, idleTimeout: Duration) {
        let kept =
            idleTimeout > .zero
            ? idleTimeout.wholeMilliseconds : Int64(Limits.keptClientMilliseconds)
        self.init(
            realm: options.realm, agent: options.agent,
            answerFields: options.answerFields.map { Field(name: $0.name, value: $0.value) },
            keepsUpstreams: options.keepsUpstreams,
            headNanoseconds: Self.nanoseconds(options.headTimeout.wholeMilliseconds),
            answerNanoseconds: options.answerTimeout.map {
                Self.nanoseconds($0.wholeMilliseconds)
            },
            keepNanoseconds: Self.nanoseconds(kept),
            servesDatagrams: options.allowsUDP)
    }

    private static func nanoseconds(_ milliseconds: Int64) -> UInt64 {
        UInt64(max(1, milliseconds)) * 1_000_000
    }
}
