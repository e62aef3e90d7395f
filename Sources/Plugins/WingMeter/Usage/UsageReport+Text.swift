import Model

extension UsageReport {
    /// `{"by":"user","rows":[{"key":"alice","uplink_bytes":1,…}],"total":{…}}` in one line. With
    /// several keys, `key` joins their values with commas and `keys` has each by its name.
    var json: String {
        var json = JSONText()
        json.beginObject()
        json.field("by", keys.map(\.rawValue).joined(separator: ","))
        json.key("rows")
        json.beginList()
        for row in rows {
            json.beginObject()
            let joined = row.values.map { $0 ?? "" }.joined(separator: ",")
            json.field("key", row.values.allSatisfy { $0 == nil } ? nil : joined)
            row.writeCounts(to: &json)
            if keys.count > 1 {
                json.key("keys")
                json.beginObject()
                for (key, value) in zip(keys, row.values) { json.field(key.rawValue, value) }
                json.endObject()
            }
            json.endObject()
        }
        json.endList()
        json.key("total")
        json.beginObject()
        total.writeCounts(to: &json)
        json.endObject()
        json.endObject()
        return json.text
    }

    /// RFC 4180, with a header line.
    var csv: String {
        var names = keys.map(\.rawValue)
        names += ["uplink_bytes", "downlink_bytes", "flows"] + Row.moreNames
        var text = names.joined(separator: ",") + "\r\n"
        for row in rows {
            let numbers =
                [row.counts.uplinkBytes, row.counts.downlinkBytes, UInt64(row.flows)] + row.more
            let fields = row.values.map { Self.quoted($0 ?? "") } + numbers.map { "\($0)" }
            text += fields.joined(separator: ",") + "\r\n"
        }
        return text
    }

    /// Columns for people: exact bytes, the total last.
    var table: String {
        var lines = [keys.map(\.rawValue) + ["uplink bytes", "downlink bytes", "bytes", "flows"]]
        for row in rows { lines.append(row.values.map { Self.shown($0) } + row.figures) }
        let isCut = rows.reduce(0) { $0 + $1.flows } != total.flows
        let label = isCut ? "total of all" : "total"
        lines.append(
            [label] + [String](repeating: "", count: keys.count - 1) + total.figures)
        let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            let cells = line.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return column < keys.count ? cell + space : space + cell
            }
            return cells.joined(separator: "  ") + "\n"
        }.joined()
    }

    private static func quoted(_ field: String) -> String {
        let needsQuotes = field.utf8.contains { [0x22, 0x2c, 0x0d, 0x0a].contains($0) }
        guard needsQuotes else { return field }
        // By scalars: a quote with an accent is one character and still a quote.
        let scalars = field.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }
        return "\"" + scalars.joined() + "\""
    }

    /// Names come from clients: what a terminal would obey is shown as an escape.
    private static func shown(_ value: String?) -> String {
        guard let value else { return "-" }
        return value.unicodeScalars.map { scalar in
            let isControl = scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)
            return isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }.joined()
    }
}

extension UsageReport.Row {
    static let moreNames = [
        "uplink_packets", "downlink_packets", "overhead_uplink_bytes",
        "overhead_downlink_bytes", "dropped_packets",
    ]

    /// In the order of `moreNames`.
    var more: [UInt64] {
        [
            counts.uplinkPackets, counts.downlinkPackets, counts.overheadUplinkBytes,
            counts.overheadDownlinkBytes, counts.droppedPackets,
        ]
    }

    fileprivate var figures: [String] {
        ["\(counts.uplinkBytes)", "\(counts.downlinkBytes)", "\(totalBytes)", "\(flows)"]
    }

    fileprivate func writeCounts(to json: inout JSONText) {
        json.field("uplink_bytes", counts.uplinkBytes)
        json.field("downlink_bytes", counts.downlinkBytes)
        json.field("flows", flows)
        for (name, value) in zip(Self.moreNames, more) { json.field(name, value) }
    }
}
