import Codecs

/// The content of one message on its way: read as its sender framed it, written as its receiver
/// can take it. A value; the bytes are the callers'.
struct HTTPBody {
    private enum Source {
        case length(UInt64)
        case chunks
        case everything
        case nothing
    }

    private var source: Source
    private var reader: HTTP1.ChunkReader
    /// Whether the receiver gets chunks.
    private let writesChunks: Bool
    /// Whether all of it was taken from the sender.
    private(set) var isComplete: Bool

    /// Content of a message of that side.
    init(_ framing: HTTP1.Framing, of side: HTTP1.Side, writesChunks: Bool) {
        reader = HTTP1.ChunkReader(side)
        self.writesChunks = writesChunks
        switch framing {
        case .none, .length(0): source = .nothing
        case .length(let count): source = .length(count)
        case .chunked: source = .chunks
        case .untilEnd: source = .everything
        }
        if case .nothing = source { isComplete = true } else { isComplete = false }
    }

    /// Whether the sender's end is the content's end.
    var endsWithSender: Bool { if case .everything = source { true } else { false } }

    /// How many of so many bytes can be written on unchanged; nil where they must be rewritten.
    func passing(_ count: Int) -> Int? {
        switch source {
        case .nothing: 0
        case .length(let left): Int(min(left, UInt64(count)))
        case .everything: writesChunks ? nil : count
        case .chunks: nil
        }
    }

    /// Bytes that `passing` allowed were written on or are pending.
    mutating func passed(_ count: Int) {
        guard case .length(let left) = source else { return }
        source = .length(left - UInt64(count))
        isComplete = left == UInt64(count)
    }

    /// Rewrites content from the front of `input` behind `output`, and returns how many bytes it
    /// took, or what is wrong with them.
    mutating func take(
        _ input: UnsafeRawBufferPointer, into output: inout [UInt8]
    ) -> Result<Int, BodyFault> {
        if let count = passing(input.count) {
            output.append(contentsOf: input[..<count])
            passed(count)
            return .success(count)
        }
        guard case .chunks = source else {
            if !input.isEmpty { write(input, into: &output) }
            return .success(input.count)
        }
        var offset = 0
        while true {
            switch reader.next(input.bytes, from: &offset) {
            case .data(let range):
                write(UnsafeRawBufferPointer(rebasing: input[range]), into: &output)
            case .needsMore:
                return .success(offset)
            case .end(let trailers):
                if writesChunks { HTTP1.encodeLastChunk(trailers: trailers, into: &output) }
                isComplete = true
                return .success(offset)
            case .fault(let fault):
                return .failure(BodyFault(fault))
            }
        }
    }

    /// The sender has ended in order where that is the content's end.
    mutating func end(into output: inout [UInt8]) {
        precondition(endsWithSender, "the content has an end of its own")
        if writesChunks { HTTP1.encodeLastChunk(into: &output) }
        isComplete = true
    }

    private func write(_ data: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        guard writesChunks else { return output.append(contentsOf: data) }
        HTTP1.encodeChunkSize(data.count, into: &output)
        output.append(contentsOf: data)
        output.append(contentsOf: HTTP1.chunkEnd)
    }
}

/// Content that is none.
struct BodyFault: Error {
    let fault: HTTP1.Fault

    init(_ fault: HTTP1.Fault) { self.fault = fault }
}
