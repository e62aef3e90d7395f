import LinuxIO
package import Loop
package import Model

/// Resolves names for one loop: written-down hosts, a cache, then its sources in order.
///
/// Questions for one name are asked once, however many wait for it. Each who waits has a deadline
/// of its own.
///
/// ## Concurrency
/// Confined to its loop.
package final class Resolver: NameResolver {
    /// Who is asked.
    package struct Source: Sendable {
        /// How.
        package enum Kind: Sendable {
            /// The system: its hosts file, its name servers, and the C library where only that
            /// knows.
            case system
            /// These name servers.
            case servers(NameQueryPlan)
        }

        /// How.
        package var kind: Kind
        /// Which addresses are of use, and which come first.
        package var families: AddressFamilies
        /// The chain that name servers are asked through, over TCP only; nil asks directly.
        package var way: ChainGroup?

        package init(
            _ kind: Kind, families: AddressFamilies = .preferV4, way: ChainGroup? = nil
        ) {
            self.kind = kind
            self.families = families
            self.way = way
        }
    }

    private let loop: EventLoop
    private let hosts: Published<HostsTable>
    private let sources: [Source]
    private let files: SystemFiles
    private let pool: BlockingPool
    private let answersStale: Bool
    private let makeRouter: (ChainGroup) -> Router
    private var routers: [ObjectIdentifier: Router] = [:]
    private let inbox = DatagramInbox(capacity: 4, messageBytes: 4096)
    private var cache: AnswerCache
    private var open: [AnswerCache.Key: [Waiter]] = [:]
    private var contents: (value: SystemFiles.Contents, readNanoseconds: UInt64)?

    /// How long the system's files are trusted before they are read again.
    private static let filesNanoseconds: UInt64 = 5_000_000_000

    /// A resolver. `sources` are asked in order, the next when one fails; without any, only the
    /// hosts are known. With `answersStale` an answer that is too old is given at once, while it is
    /// asked for anew. `routers` makes what leads through a source's chain.
    package init(
        _ loop: EventLoop, hosts: Published<HostsTable>, sources: [Source],
        lifetime: AnswerCache.Lifetime, answersStale: Bool = false, files: SystemFiles,
        pool: BlockingPool,
        routers: @escaping (ChainGroup) -> Router = { _ in
            preconditionFailure("no source has a chain")
        }
    ) {
        makeRouter = routers
        self.loop = loop
        self.hosts = hosts
        self.sources = sources
        self.files = files
        self.pool = pool
        self.answersStale = answersStale
        cache = AnswerCache(lifetime: lifetime)
    }

    package func resolve(
        _ name: String, deadlineNanoseconds: UInt64
    ) async throws(NameFault) -> [IPAddress] {
        let families = sources.first?.families ?? .preferV4
        let written = families.order(hosts.value.addresses(of: name))
        if !written.isEmpty { return written }
        if sources.isEmpty { throw .notFound }
        let key = AnswerCache.Key(name: name, families: families)
        if let known = cache.answer(for: key, nowNanoseconds: loop.nowNanoseconds) {
            return try Self.addresses(known)
        }
        if answersStale,
            let old = cache.staleAddresses(for: key, nowNanoseconds: loop.nowNanoseconds)
        {
            if open[key] == nil && open.count < Limits.queriesInFlight { ask(name, key) }
            return old
        }
        let answer = await wait(for: name, key, deadlineNanoseconds: deadlineNanoseconds)
        return try Self.addresses(answer)
    }

    private static func addresses(_ answer: NameAnswer) throws(NameFault) -> [IPAddress] {
        switch answer {
        case .addresses(let addresses, _): return addresses
        case .absent: throw .notFound
        case .failed(let fault): throw fault
        }
    }

    // MARK: Waiting

    private func wait(
        for name: String, _ key: AnswerCache.Key, deadlineNanoseconds: UInt64
    ) async -> NameAnswer {
        if open[key] == nil {
            guard open.count < Limits.queriesInFlight else { return .failed(.overloaded) }
            ask(name, key)
        }
        return await withUnsafeContinuation { continuation in
            let waiter = Waiter(continuation)
            waiter.timer = loop.arm(atNanoseconds: deadlineNanoseconds, waiter)
            open[key, default: []].append(waiter)
        }
    }

    // MARK: Asking

    /// Asks for a name that nobody asks for yet; whoever waits for it hears of the answer.
    private func ask(_ name: String, _ key: AnswerCache.Key) {
        open[key] = []
        loop.start { [self] in
            // Answers come after those who asked have begun to wait.
            await loop.nextTurn()
            let answer = await ask(name)
            cache.insert(answer, for: key, nowNanoseconds: loop.nowNanoseconds)
            let waiters = open.removeValue(forKey: key) ?? []
            for waiter in waiters { waiter.finish(answer, on: loop) }
        }
    }

    private func ask(_ name: String) async -> NameAnswer {
        var answer = NameAnswer.failed(.serverFailure)
        for source in sources {
            switch source.kind {
            case .system: answer = await askSystem(name, source.families)
            case .servers(let plan): answer = await query(name, plan, source.way.map(router))
            }
            if case .failed = answer { continue }
            return answer
        }
        return answer
    }

    private func askSystem(_ name: String, _ families: AddressFamilies) async -> NameAnswer {
        guard let contents = await systemContents() else { return .failed(.overloaded) }
        let written = families.order(contents.hosts.addresses(of: name))
        if !written.isEmpty { return .addresses(written, lifetimeSeconds: 5) }
        if contents.nameServices.needsSystemLibrary(for: name) {
            let askLibrary = files.askLibrary
            do {
                let found = try await pool.run { askLibrary(name) }
                let addresses = families.order(found ?? [])
                return addresses.isEmpty
                    ? .absent(lifetimeSeconds: 5)
                    : .addresses(addresses, lifetimeSeconds: 30)
            } catch {
                return .failed(.overloaded)
            }
        }
        guard !contents.resolver.nameServers.isEmpty else { return .failed(.serverFailure) }
        var plan = NameQueryPlan(contents.resolver)
        plan.families = families
        return await query(name, plan)
    }

    private func systemContents() async -> SystemFiles.Contents? {
        let now = loop.nowNanoseconds
        if let contents, now - contents.readNanoseconds < Self.filesNanoseconds {
            return contents.value
        }
        let read = files.read
        guard let value = try? await pool.run({ read() }) else { return contents?.value }
        contents = (value, now)
        return value
    }

    private func router(_ way: ChainGroup) -> Router {
        if let known = routers[ObjectIdentifier(way)] { return known }
        let router = makeRouter(way)
        routers[ObjectIdentifier(way)] = router
        return router
    }

    private func query(
        _ name: String, _ plan: NameQueryPlan, _ router: Router? = nil
    ) async -> NameAnswer {
        await withUnsafeContinuation { continuation in
            QueryRun(name: name, plan: plan, loop: loop, inbox: inbox, router: router) {
                continuation.resume(returning: $0)
            }.start()
        }
    }
}

/// Somebody who waits for a name until his deadline.
private final class Waiter: TimerHandler {
    var timer = TimerToken.none
    private var continuation: UnsafeContinuation<NameAnswer, Never>?

    init(_ continuation: UnsafeContinuation<NameAnswer, Never>) {
        self.continuation = continuation
    }

    func finish(_ answer: NameAnswer, on loop: EventLoop) {
        loop.cancel(timer)
        end(answer)
    }

    func timerFired(tag: UInt8) { end(.failed(.timedOut)) }

    private func end(_ answer: NameAnswer) {
        continuation?.resume(returning: answer)
        continuation = nil
    }
}
