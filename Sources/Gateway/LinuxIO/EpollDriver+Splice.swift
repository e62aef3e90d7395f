import CLinux

extension EpollDriver {
    package func makePipe(capacity: Int) throws(Errno) -> Pipe {
        precondition(capacity > 0 && capacity <= Int(Int32.max), "no such pipe capacity")
        var reading: Int32 = -1
        var writing: Int32 = -1
        let got = try SystemCall.value(
            weir_pipe(&reading, &writing, Int32(capacity)), "pipe2")
        return Pipe(
            reading: Descriptor(reading), writing: Descriptor(writing), capacity: Int(got))
    }

    package func splice(
        from source: Descriptor, to sink: Descriptor, count: Int
    ) -> Transfer {
        precondition(count > 0, "splice: nothing asked would look like the end")
        return SystemCall.transfer(weir_splice(source.number, sink.number, count), "splice")
    }
}
