import Bytes
import Testing

@Suite("ByteWriter")
struct ByteWriterTests {
    @Test func `integers are written most significant byte first`() {
        let bytes = [UInt8](capacity: 20) { writer in
            writer.write(UInt8(0x01))
            writer.write(UInt16(0x0203))
            writer.write(UInt32(0x0405_0607))
            writer.write(UInt64(0x0809_0a0b_0c0d_0e0f))
            #expect(writer.position == 15)
            #expect(writer.remaining == 5)
        }
        #expect(bytes == Array(1...15))
    }

    @Test func `text and spans are written as they are`() {
        let part: [UInt8] = [0, 255]
        let bytes = [UInt8](capacity: 8) { writer in
            writer.write("né")
            writer.write(part.span.bytes)
            writer.write(part.span.bytes.extracting(first: 0))
        }
        #expect(bytes == [0x6e, 0xc3, 0xa9, 0, 255])
    }

    @Test func `writing past the end is a bug of ours and traps`() async {
        await #expect(processExitsWith: .failure) {
            _ = [UInt8](capacity: 3) { writer in writer.write(UInt32(1)) }
        }
        await #expect(processExitsWith: .failure) {
            let part: [UInt8] = [1, 2]
            _ = [UInt8](capacity: 1) { writer in writer.write(part.span.bytes) }
        }
    }
}
