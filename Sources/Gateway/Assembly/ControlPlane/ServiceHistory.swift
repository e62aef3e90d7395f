import Configuration
import Model
import Options

/// What has become of a service since it was opened first, as gost's API tells it.
struct ServiceHistory {
    /// Something that happened, in words.
    struct Event {
        let milliseconds: Int64
        let text: String
    }

    /// When it was opened first, in milliseconds since 1970.
    let createdMilliseconds: Int64
    private(set) var events: [Event] = []

    /// A service that is opened now.
    init(atMilliseconds moment: Int64) { createdMilliseconds = moment }

    /// Something has happened; of very much the latest is kept.
    mutating func note(_ text: String, atMilliseconds moment: Int64) {
        events.append(Event(milliseconds: moment, text: text))
        if events.count > Limits.serviceEvents { events.removeFirst() }
    }
}
