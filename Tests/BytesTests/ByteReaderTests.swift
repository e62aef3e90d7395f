import Bytes
import Testing

// A reader is not escapable and cannot stand inside `#expect`: results are taken first.

@Suite("ByteReader")
struct ByteReaderTests {
    private let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]

    @Test func `integers are read most significant byte first`() {
        var reader = ByteReader(bytes.span.bytes)
        let whole = reader.readUInt64()
        #expect(whole == 0x0102_0304_0506_0708)
        reader = ByteReader(bytes.span.bytes)
        let (one, two, four) = (reader.readUInt8(), reader.readUInt16(), reader.readUInt32())
        #expect(one == 1)
        #expect(two == 0x0203)
        #expect(four == 0x0405_0607)
        let (position, remaining) = (reader.position, reader.remaining)
        #expect(position == 7)
        #expect(remaining == 1)
    }

    @Test func `a read past the end is nil and moves nothing`() {
        var reader = ByteReader(bytes.span.bytes)
        let skipped = reader.skip(7)
        #expect(skipped)
        let (two, four, eight) = (reader.readUInt16(), reader.readUInt32(), reader.readUInt64())
        #expect(two == nil)
        #expect(four == nil)
        #expect(eight == nil)
        let refused = [
            reader.skip(2), reader.skip(-1), reader.read(2) != nil, reader.read(-1) != nil,
        ]
        #expect(refused == [false, false, false, false])
        let (last, none) = (reader.readUInt8(), reader.readUInt8())
        #expect(last == 8)
        #expect(none == nil)
    }

    @Test func `a part is lent without copying`() {
        var reader = ByteReader(bytes.span.bytes)
        let counts = [reader.read(3)?.byteCount, reader.read(0)?.byteCount]
        #expect(counts == [3, 0])
        let first = reader.read(2)?.unsafeLoad(fromByteOffset: 0, as: UInt8.self)
        let position = reader.position
        #expect(first == 4)
        #expect(position == 5)
    }

    @Test func `reading up to a terminator takes it and leaves it out`() {
        var reader = ByteReader(bytes.span.bytes)
        let (count, position) = (reader.read(upTo: 3)?.byteCount, reader.position)
        #expect(count == 2)
        #expect(position == 3)
        let (absent, still) = (reader.read(upTo: 3)?.byteCount, reader.position)
        #expect(absent == nil)
        #expect(still == 3)
        let counts = [reader.read(upTo: 4)?.byteCount, reader.read(upTo: 8)?.byteCount]
        let remaining = reader.remaining
        #expect(counts == [0, 3])
        #expect(remaining == 0)
    }

    @Test func `moving outside is refused`() {
        var reader = ByteReader(bytes.span.bytes)
        let moves = [reader.move(to: 8), reader.move(to: 9), reader.move(to: -1)]
        let position = reader.position
        #expect(moves == [true, false, false])
        #expect(position == 8)
        let back = reader.move(to: 0)
        let first = reader.readUInt8()
        #expect(back)
        #expect(first == 1)
    }

    @Test func `no bytes are an ordinary input`() {
        let none: [UInt8] = []
        var reader = ByteReader(none.span.bytes)
        let byte = reader.readUInt8()
        let counts = [reader.read(upTo: 0)?.byteCount, reader.read(0)?.byteCount]
        #expect(byte == nil)
        #expect(counts == [nil, 0])
    }
}
