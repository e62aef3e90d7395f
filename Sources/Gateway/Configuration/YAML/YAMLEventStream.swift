import CYAML
import Options

/// The steps of a YAML text in order, read by libyaml.
///
/// ## Concurrency
/// A value with one owner; it is used by the function that made it.
struct YAMLEventStream: ~Copyable {
    private let file: String
    /// libyaml keeps pointers to its parser and to the text, so neither may move.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeMutableBufferPointer<UInt8>

    /// A stream over text that `YAMLText` has found readable. Nil without memory.
    init?(_ bytes: [UInt8], file: String) {
        self.file = file
        text = .allocate(capacity: bytes.count)
        _ = text.initialize(from: bytes)
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        guard yaml_parser_initialize(parser) == 1 else { return nil }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, text.baseAddress, text.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        text.deallocate()
    }

    /// The next step. After `streamEnd` or a fault there are no more.
    func next() throws(YAMLFault) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw fault() }
        defer { yaml_event_delete(&event) }
        let start = location(event.start_mark)
        let end = location(event.end_mark)
        let (kind, anchor, tag) = Self.translate(event)
        return YAMLEvent(kind: kind, anchor: anchor, tag: tag, start: start, end: end)
    }

    private static func translate(
        _ event: yaml_event_t
    ) -> (kind: YAMLEvent.Kind, anchor: String?, tag: String?) {
        switch event.type {
        case YAML_STREAM_END_EVENT, YAML_NO_EVENT:
            return (.streamEnd, nil, nil)
        case YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT:
            return (.documentStart, nil, nil)
        case YAML_DOCUMENT_END_EVENT:
            return (.documentEnd, nil, nil)
        case YAML_ALIAS_EVENT:
            return (.alias(string(event.data.alias.anchor) ?? ""), nil, nil)
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let kind = YAMLEvent.Kind.scalar(
                String(decoding: bytes, as: UTF8.self),
                isQuoted: scalar.style != YAML_PLAIN_SCALAR_STYLE)
            return (kind, string(scalar.anchor), string(scalar.tag))
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            return (.sequenceStart, string(start.anchor), string(start.tag))
        case YAML_SEQUENCE_END_EVENT:
            return (.sequenceEnd, nil, nil)
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            return (.mappingStart, string(start.anchor), string(start.tag))
        default:
            precondition(event.type == YAML_MAPPING_END_EVENT, "libyaml has eleven kinds of events")
            return (.mappingEnd, nil, nil)
        }
    }

    private static func string(_ bytes: UnsafePointer<yaml_char_t>?) -> String? {
        bytes.map { String(cString: $0) }
    }

    private func location(_ mark: yaml_mark_t) -> Location {
        Location(file: file, line: mark.line + 1, column: mark.column + 1)
    }

    private func fault() -> YAMLFault {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "out of memory"
        let place = location(parser.pointee.problem_mark)
        if problem.contains("cannot start any token"), isTab(at: parser.pointee.problem_mark) {
            return YAMLFault(
                "a tab cannot stand here", at: place, hint: "indent with spaces")
        }
        let context = parser.pointee.context.map { String(cString: $0) }
        let start = location(parser.pointee.context_mark)
        let hint = context.map { "\($0) that starts at line \(start.line), column \(start.column)" }
        return YAMLFault(problem, at: place, hint: hint)
    }

    private func isTab(at mark: yaml_mark_t) -> Bool {
        let scalars = String(decoding: text, as: UTF8.self).unicodeScalars
        return scalars.dropFirst(mark.index).first == "\t"
    }
}
