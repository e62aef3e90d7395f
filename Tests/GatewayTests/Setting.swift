import Glibc

/// Numbers from the environment by which somebody asks a test for more.
enum Setting {
    /// The value of a variable; nil where it is not set or is no number.
    static func number(_ name: String) -> UInt64? {
        getenv(name).flatMap { UInt64(String(cString: $0)) }
    }
}
