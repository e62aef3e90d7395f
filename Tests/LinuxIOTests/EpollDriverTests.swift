import Glibc
import LinuxIO
import Model
import Testing

@Suite("The epoll driver")
struct EpollDriverTests {
    // MARK: Bugs of ours trap

    @Test func `a closed descriptor traps`() async {
        await #expect(processExitsWith: .failure) {
            let driver = try EpollDriver()
            driver.close(Descriptor(900))
        }
    }

    @Test func `reading from what is not a socket traps`() async {
        await #expect(processExitsWith: .failure) {
            let driver = try EpollDriver()
            let pipe = try driver.makePipe(capacity: 4096)
            withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { buffer in
                _ = driver.receive(pipe.reading, into: buffer)
            }
        }
    }

    @Test func `reading into nothing traps`() async {
        await #expect(processExitsWith: .failure) {
            let driver = try EpollDriver()
            let empty = UnsafeMutableRawBufferPointer(start: nil, count: 0)
            _ = driver.receive(Descriptor(0), into: empty)
        }
    }

    @Test func `accepting from what does not listen traps`() async {
        await #expect(processExitsWith: .failure) {
            let machine = try Machine(.linux)
            let (client, _) = try machine.pair()
            _ = machine.driver.accept(client)
        }
    }

    @Test func `the waker's token traps`() async {
        await #expect(processExitsWith: .failure) {
            let machine = try Machine(.linux)
            let (listener, _) = try machine.listener()
            try machine.driver.watch(listener, token: .max)
        }
    }

    // MARK: Limits and signals

    @Test func `without free descriptors accepting is exhausted and the connection waits`() async {
        await #expect(processExitsWith: .success) {
            let machine = try Machine(.linux)
            let (listener, endpoint) = try machine.listener()
            _ = machine.own(try machine.driver.connect(to: endpoint))
            let token = try machine.watch(listener)
            #expect(machine.edge(token, .readable) != nil)
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            limit.rlim_cur = 3
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            #expect(machine.driver.accept(listener) == .exhausted(Errno(EMFILE, in: "accept")))
            #expect(throws: Errno(EMFILE, in: "socket")) {
                try machine.driver.connect(to: endpoint)
            }
            #expect(throws: Errno(EMFILE, in: "pipe2")) {
                try machine.driver.makePipe(capacity: 4096)
            }
            limit.rlim_cur = limit.rlim_max
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            _ = try machine.accept(listener)
        }
    }

    @Test func `a large pipe is as large as the kernel says`() throws {
        let machine = try Machine(.linux)
        for capacity in [4096, 65_536, 1 << 20] {
            let pipe = try machine.driver.makePipe(capacity: capacity)
            #expect(pipe.capacity >= 4096)
            machine.driver.close(pipe.reading)
            machine.driver.close(pipe.writing)
        }
    }

    @Test func `wakes from other threads end waits, and none is lost`() throws {
        let driver = try EpollDriver()
        let waker = driver.waker
        let thread = try Thread(name: "waker") {
            for _ in 0..<10_000 { waker.wake() }
        }
        let events = UnsafeMutableBufferPointer<ReadyEvent>.allocate(capacity: 1)
        defer { events.deallocate() }
        events.initialize(repeating: ReadyEvent(token: 0, readiness: []))
        #expect(driver.wait(into: events, timeoutNanoseconds: nil) == 0)
        thread.join()
        waker.wake()
        #expect(driver.wait(into: events, timeoutNanoseconds: nil) == 0)
    }

    @Test func `words of chance differ and the clocks move forward`() throws {
        let driver = try EpollDriver()
        #expect(Set((0..<200).map { _ in driver.randomWord() }).count == 200)
        let first = driver.monotonicNanoseconds()
        #expect(driver.monotonicNanoseconds() >= first)
        #expect(driver.wallMilliseconds() > 1_700_000_000_000)
    }

    // MARK: Unix sockets

    @Test func `a Unix socket is for its owner, and a dead one is replaced`() throws {
        let machine = try Machine(.linux)
        let directory = try TemporaryDirectory()
        let path = directory.file("s")
        let first = try machine.driver.listen(atPath: path)
        var facts = stat()
        try #require(stat(path, &facts) == 0)
        #expect(facts.st_mode & 0o7777 == 0o600)
        machine.driver.close(first)
        let second = machine.own(try machine.driver.listen(atPath: path))
        #expect(machine.driver.accept(second) == .wouldBlock)
    }

    @Test func `a file that is not a socket is left alone`() throws {
        let machine = try Machine(.linux)
        let directory = try TemporaryDirectory()
        let path = directory.file("notes")
        _ = try MappedRegion.create(path: path, chunkBytes: MappedRegion.pageBytes)
        #expect(throws: Errno(EADDRINUSE, in: "bind")) { try machine.driver.listen(atPath: path) }
        #expect(try Directory.names(in: directory.path) == ["notes"])
    }
}
