/// Carries a loop's object through a thread that does not touch it, back to its loop.
///
/// ## Concurrency
/// `@unchecked Sendable`: only the loop that made the box reads `value`, which `execute` ensures.
package final class LoopConfined<Value>: @unchecked Sendable {
    /// The object, for its own loop's eyes only.
    package let value: Value

    package init(_ value: Value) { self.value = value }
}
