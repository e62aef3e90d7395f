import Glibc
package import LinuxIO

extension SimulatedDriver {
    package func makePipe(capacity: Int) throws(Errno) -> Pipe {
        count(.makePipe)
        try checkLimit("pipe2")
        if kernel.chance(kernel.faults.pipeFailures) { throw Errno(ENFILE, in: "pipe2") }
        let given = kernel.chance(kernel.faults.smallPipes) ? min(capacity, 65_536) : capacity
        let pipe = SimulatedPipe(capacity: (given + 4095) & ~4095)
        let reading = SimulatedPipeEnd(kernel: kernel, pipe: pipe, isWriter: false)
        let writing = SimulatedPipeEnd(kernel: kernel, pipe: pipe, isWriter: true)
        return Pipe(
            reading: kernel.open(reading), writing: kernel.open(writing), capacity: pipe.capacity)
    }

    package func splice(
        from source: Descriptor, to sink: Descriptor, count limit: Int
    ) -> Transfer {
        count(.splice)
        precondition(limit > 0, "splice: nothing asked would look like the end")
        let from = kernel.object(source, "splice")
        let to = kernel.object(sink, "splice")
        if let stream = from as? SimulatedStream, let end = to as? SimulatedPipeEnd, end.isWriter {
            return fill(end.pipe, from: stream, limit)
        }
        if let end = from as? SimulatedPipeEnd, !end.isWriter, let stream = to as? SimulatedStream {
            return drain(end.pipe, into: stream, limit)
        }
        preconditionFailure("splice: one side must be a socket and the other a pipe's right end")
    }

    private func fill(
        _ pipe: SimulatedPipe, from stream: SimulatedStream, _ limit: Int
    ) -> Transfer {
        if pipe.isReaderClosed { return .failed(Errno(EPIPE, in: "splice")) }
        // The pipe is looked at first, even where the stream has ended.
        if pipe.freeSlots == 0 { return .wouldBlock }
        switch stream.arrival() {
        case .nothing:
            return .wouldBlock
        case .end:
            return .bytes(0)
        case .failed(let code):
            return .failed(Errno(code, in: "splice"))
        case .bytes:
            if isSpuriouslyBlocked(stream) { return .wouldBlock }
            var left = min(limit, stream.incoming.count)
            // Short counts from splice prove nothing, so no edge follows.
            if left > 1 && kernel.chance(kernel.faults.shortReads) {
                left = kernel.random(in: 1...(left - 1))
            }
            var moved = 0
            while left > 0 && pipe.freeSlots > 0 {
                let fragment = stream.read(min(left, kernel.random(in: 536...32_768)))
                pipe.add(fragment)
                left -= fragment.count
                moved += fragment.count
            }
            return .bytes(moved)
        }
    }

    private func drain(
        _ pipe: SimulatedPipe, into stream: SimulatedStream, _ limit: Int
    ) -> Transfer {
        if pipe.count == 0 { return pipe.isWriterClosed ? .bytes(0) : .wouldBlock }
        switch stream.room() {
        case .none:
            return .wouldBlock
        case .failed(let code):
            return .failed(Errno(code, in: "splice"))
        case .bytes(let room):
            if isSpuriouslyBlocked(stream) { return .wouldBlock }
            let wanted = min(limit, pipe.count)
            let count = shortened(min(room, wanted), stream)
            stream.write(pipe.take(count), isAll: count == wanted)
            return .bytes(count)
        }
    }
}
