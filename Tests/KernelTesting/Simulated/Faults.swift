import Chance

/// How often the simulated kernel is unkind, each as a probability per call (0...1).
///
/// All of it is allowed to a real kernel: code that fails under these has a bug.
package struct Faults: Sendable {
    /// A read or splice moves less than there is; an edge for the rest follows.
    package var shortReads = 0.0
    /// A write takes less than there is room for; an edge follows.
    package var shortWrites = 0.0
    /// Would-block although something could move; an edge follows.
    package var spuriousWouldBlock = 0.0
    /// A wait reports a descriptor that nothing happened to.
    package var spuriousReadiness = 0.0
    /// Readiness is reported later than it came, by up to `delayNanoseconds`.
    package var delayedReadiness = 0.0
    /// The longest delay of readiness.
    package var delayNanoseconds: UInt64 = 2_000_000
    /// `accept` finds no free descriptor.
    package var acceptExhausted = 0.0
    /// `accept` finds a connection that its peer gave up.
    package var acceptLost = 0.0
    /// `connect` fails at once for want of descriptors.
    package var connectRefusedAtOnce = 0.0
    /// An established connection is reset while bytes move over it.
    package var resets = 0.0
    /// `makePipe` fails.
    package var pipeFailures = 0.0
    /// A pipe is given 64 KiB instead of what was asked.
    package var smallPipes = 0.0
    /// A segmented send is refused with EINVAL or EIO.
    package var refusedTrains = 0.0
    /// A send of datagrams takes fewer messages than given, or none for now.
    package var shortBatches = 0.0
    /// A datagram is lost on its way.
    package var lostDatagrams = 0.0
    /// A datagram is delivered twice.
    package var repeatedDatagrams = 0.0
    /// A receive of datagrams reports a late error of the socket; nothing is lost by it.
    package var datagramErrors = 0.0
    /// A send of datagrams is refused with EPERM, as by a firewall.
    package var refusedDatagrams = 0.0
    /// A descriptor cannot be watched (ENOSPC).
    package var watchFailures = 0.0
    /// A train arrives in pieces, or apart.
    package var splitTrains = 0.0

    /// A kind kernel.
    package static let none = Faults()

    package init() {}

    /// A random subset of all faults with random strength, so that seeds differ in kind. Resets and
    /// losses, which change what arrives, only where `lossy`.
    package static func swarm(seed: UInt64, lossy: Bool) -> Faults {
        var random = SplitMix64(seed: seed ^ 0xfa17)
        func strength() -> Double {
            random.happens(0.5) ? Double.random(in: 0.01...0.3, using: &random) : 0
        }
        var faults = Faults()
        faults.shortReads = strength()
        faults.shortWrites = strength()
        faults.spuriousWouldBlock = strength()
        faults.spuriousReadiness = strength()
        faults.delayedReadiness = strength()
        faults.acceptExhausted = strength()
        faults.pipeFailures = strength()
        faults.smallPipes = strength()
        faults.refusedTrains = strength()
        faults.shortBatches = strength()
        faults.splitTrains = strength()
        faults.datagramErrors = strength()
        guard lossy else { return faults }
        faults.acceptLost = strength() / 4
        faults.connectRefusedAtOnce = strength() / 4
        faults.resets = strength() / 50
        faults.lostDatagrams = strength()
        faults.repeatedDatagrams = strength() / 4
        faults.refusedDatagrams = strength()
        faults.watchFailures = strength() / 20
        return faults
    }
}
