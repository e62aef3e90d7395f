import Codecs
package import Model

/// What an observer's server is told at once: events of one service, or of one handler.
///
/// gost's shape, `{"events":[…]}`, with members of ours behind its own in each event: `boot` and
/// `seq`, which are the same for all events of a message and whenever it comes again, and `tcp` and
/// `udp` with what was moved since the message before. A receiver that remembers the highest `seq`
/// of each boot, service and kind counts nothing twice.
package struct ObserverMessage {
    /// Whose events.
    package enum Kind: String, Sendable, CaseIterable {
        /// A service's: its state, and all that its flows move.
        case service
        /// A handler's: what each of its clients moves.
        case handler
    }

    /// What a service is.
    package enum State: String, Sendable {
        /// It begins.
        case running
        /// It listens.
        case ready
        /// It takes nothing any more.
        case closed
    }

    /// What flows of one protocol have moved since the message before.
    package struct Moved: Sendable, Hashable {
        /// Flows that have begun.
        package var flows: UInt64 = 0
        /// Payload to destinations.
        package var uplinkBytes: UInt64 = 0
        /// Datagrams, or reads, to destinations.
        package var uplinkPackets: UInt64 = 0
        /// Payload to clients.
        package var downlinkBytes: UInt64 = 0
        /// Datagrams, or reads, to clients.
        package var downlinkPackets: UInt64 = 0
        /// Datagrams that were dropped.
        package var droppedPackets: UInt64 = 0

        /// Nothing.
        package init() {}
    }

    /// gost's counts.
    package struct Totals: Sendable, Hashable {
        /// Flows in all.
        package var connections: UInt64 = 0
        /// Flows open now.
        package var open: UInt64 = 0
        /// Payload from clients.
        package var inputBytes: UInt64 = 0
        /// Payload to clients.
        package var outputBytes: UInt64 = 0
        /// Flows that failed.
        package var errors: UInt64 = 0

        /// None.
        package init() {}
    }

    private let kind: Kind
    private let service: String
    private let boot: BootID
    private let sequence: UInt64
    private var json = JSONText()

    /// A message without events. `sequence` is its number among those of the same boot, service
    /// and kind: 1, 2, 3, …
    package init(_ kind: Kind, of service: String, boot: BootID, sequence: UInt64) {
        self.kind = kind
        self.service = service
        self.boot = boot
        self.sequence = sequence
        json.beginObject()
        json.key("events")
        json.beginList()
    }

    /// Adds what the service is now.
    package mutating func add(_ state: State) {
        begin(client: "", type: "status")
        json.key("status")
        json.beginObject()
        json.field("state", state.rawValue)
        json.field("msg", "service \(service) is \(state.rawValue)")
        json.endObject()
        end()
    }

    /// Adds what a client has come to; `client` is empty for a service, and for clients that do
    /// not say who they are.
    package mutating func add(client: String, _ totals: Totals, tcp: Moved, udp: Moved) {
        begin(client: client, type: "stats")
        json.key("stats")
        json.beginObject()
        json.field("totalConns", totals.connections)
        json.field("currentConns", totals.open)
        json.field("inputBytes", totals.inputBytes)
        json.field("outputBytes", totals.outputBytes)
        json.field("totalErrs", totals.errors)
        json.endObject()
        write("tcp", tcp)
        write("udp", udp)
        end()
    }

    /// The message as it is posted.
    package consuming func bytes() -> [UInt8] {
        json.endList()
        json.endObject()
        return json.bytes
    }

    private mutating func begin(client: String, type: String) {
        json.beginObject()
        json.field("kind", kind.rawValue)
        json.field("service", service)
        if !client.isEmpty { json.field("client", client) }
        json.field("type", type)
    }

    private mutating func end() {
        json.field("boot", boot.description)
        json.field("seq", sequence)
        json.endObject()
    }

    private mutating func write(_ name: String, _ moved: Moved) {
        json.key(name)
        json.beginObject()
        json.field("flows", moved.flows)
        json.field("uplink_bytes", moved.uplinkBytes)
        json.field("uplink_packets", moved.uplinkPackets)
        json.field("downlink_bytes", moved.downlinkBytes)
        json.field("downlink_packets", moved.downlinkPackets)
        json.field("dropped_packets", moved.droppedPackets)
        json.endObject()
    }
}

extension PluginServer {
    /// Tells the server of events; whether it has taken them. Only `{"ok":true}` says so.
    package func tell(_ message: [UInt8]) async -> Bool {
        await ask(message, form: #"{"ok":true}, which says that the events were taken"#) {
            $0["ok"]?.truth == true ? true : nil
        } ?? false
    }
}
