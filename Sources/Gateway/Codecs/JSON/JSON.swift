/// A JSON value (RFC 8259), read strictly: what others might read in two ways is a fault.
///
/// Refused beyond what the grammar refuses: a member named twice, a lone surrogate, text that is
/// no UTF-8, nesting over `JSON.depthMax`. Numbers keep their digits.
package enum JSON: Sendable, Hashable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number as it was written.
    case number(String)
    /// Text, escapes resolved.
    case string(String)
    /// Values in order.
    case list([JSON])
    /// Members in order, each name once.
    case object([Member])

    /// A named value.
    package struct Member: Sendable, Hashable {
        /// Its name.
        package let name: String
        /// Its value.
        package let value: JSON

        package init(_ name: String, _ value: JSON) {
            self.name = name
            self.value = value
        }
    }

    /// What makes bytes no JSON.
    package enum Fault: Sendable, Hashable {
        /// A byte that cannot stand there.
        case unexpected(position: Int)
        /// A member named twice in its object.
        case duplicate(position: Int)
        /// Too many brackets inside each other.
        case tooDeep(position: Int)
        /// Text that is no Unicode.
        case notUnicode(position: Int)
    }

    /// How many brackets may stand inside each other.
    package static let depthMax = 64

    // MARK: Looking

    /// The value of a member; nil where this is no object or has none of that name.
    package subscript(_ name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// Text; nil for any other value.
    package var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// `true` or `false`; nil for any other value.
    package var truth: Bool? {
        guard case .bool(let truth) = self else { return nil }
        return truth
    }

    /// A whole number that fits, written without fraction and exponent; nil for any other value.
    package var int64: Int64? {
        guard case .number(let digits) = self else { return nil }
        return Int64(digits)
    }

    /// The elements; nil where this is no list.
    package var elements: [JSON]? {
        guard case .list(let elements) = self else { return nil }
        return elements
    }
}
