import Model

/// Where things lie in a flow's slot of the meter file. All numbers are little-endian words of the
/// machine, written in place; a slot is 256 bytes, so none crosses a page.
///
///     offset  size  field
///          0     8  state: byte 0 state, 1 end.by, 2 end.phase, 3 end.cause; 4…7 service text
///          8    16  flow id
///         24     8  opened, milliseconds since 1970
///         32     8  last time the counts were handed over, or closed
///         40    56  counters, in the order of `FlowCounts`
///         96    16  session id; zero is none
///        112    18  client: address, port
///        130    18  destination
///        148    18  listener
///        166    18  upstream local
///        184    18  upstream remote
///        202     1  transport protocol
///        203     1  host length; 255: a text reference instead
///        204     4  user text; 0 is none
///        208     4  node text; 0 is none
///        212    44  host, or its text reference
enum SlotLayout {
    static let bytes = 256
    /// Slots per chunk: 256 KiB at once.
    static let slotsPerChunk = 1024
    static let chunkBytes = bytes * slotsPerChunk

    static let state = 0
    static let serviceText = 4
    static let flowID = 8
    static let opened = 24
    static let touched = 32
    static let counters = 40
    static let session = 96
    static let endpoints = 112
    static let endpointBytes = 18
    static let transport = 202
    static let hostLength = 203
    static let userText = 204
    static let nodeText = 208
    static let host = 212
    static let hostBytes = 44
    static let hostIsText: UInt8 = 255
}

/// What a slot's first byte says.
enum SlotState: UInt8 {
    case free = 0
    case open = 1
    case closed = 2
}
