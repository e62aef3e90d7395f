import Model
import Options

extension ObserverOptions {
    /// Reads one entry of `observers:`.
    init(from reader: inout OptionReader) {
        name = reader.name(of: "observer")
        if !reader.has("plugin") {
            reader.missing(
                "plugin", hint: "such as plugin: {type: http, addr: http://127.0.0.1:8000/told}")
        }
        plugin =
            reader.mapping("plugin") {
                HTTPPluginOptions(from: &$0, atRisk: "who moved how much")
            } ?? nil
    }
}

extension ObserverReference {
    /// gost's default.
    static let defaultPeriod = Duration.seconds(5)
    /// gost's shortest.
    static let shortestPeriod = Duration.seconds(1)
    private static let keys = [
        "observer.period", "observePeriod", "observer.observePeriod", "observer.resetTraffic",
    ]

    /// Reads `observer:` of a service and what its metadata says about it.
    static func read(
        service reader: inout OptionReader, metadata: inout OptionReader
    ) -> ObserverReference? {
        let hasCounts = metadata.metadataBool("enableStats", default: false)
        let reference = read(&reader, &metadata, hasCounts: hasCounts)
        if reference == nil, hasCounts {
            metadata.warn(
                "'enableStats' has no effect without an observer",
                at: metadata.location(of: "enableStats"),
                hint: "the API and the metrics have the counts of every service")
        }
        return reference
    }

    /// Reads `observer:` of a handler and what its metadata says about it.
    static func read(
        handler reader: inout OptionReader, metadata: inout OptionReader
    ) -> ObserverReference? {
        read(&reader, &metadata, hasCounts: true)
    }

    private static func read(
        _ reader: inout OptionReader, _ metadata: inout OptionReader, hasCounts: Bool
    ) -> ObserverReference? {
        let asked = metadata.duration(
            "observer.period", "observePeriod", "observer.observePeriod", default: .zero,
            bareNumber: .isSeconds)
        let resets = metadata.metadataBool("observer.resetTraffic", default: false)
        let place = keys.first { metadata.has($0) }.flatMap { metadata.location(of: $0) }
        guard let name = reader.locatedString("observer") else {
            if let place {
                metadata.warn("there is no 'observer' here that this is about", at: place)
            }
            return nil
        }
        if asked > .zero, asked < shortestPeriod {
            metadata.warn("an observer is told once a second at most, as in gost", at: place)
        }
        let period = asked > .zero ? max(asked, shortestPeriod) : defaultPeriod
        return ObserverReference(
            name: name, period: period, resetsTraffic: resets, hasCounts: hasCounts)
    }
}
