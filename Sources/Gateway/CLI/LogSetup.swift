import Assembly
import Configuration
import Glibc
import LinuxIO
import PluginKit

/// Opens the log as the configuration says: text on a terminal, JSON otherwise.
enum LogSetup {
    /// A log file that cannot be opened.
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    static func writer(_ options: LogOptions, debugLevel: Int) throws -> LogWriter {
        let form = try form(options, debugLevel)
        return try LogWriter(
            format: form.format, threshold: form.threshold, wallMilliseconds: { now() },
            sink: form.sink)
    }

    /// Opens what other options ask for; what it returns has the log written there from then on.
    static func revision(
        of log: LogWriter, _ options: LogOptions, debugLevel: Int
    ) throws -> @Sendable () -> Void {
        let form = try form(options, debugLevel)
        return { log.change(format: form.format, threshold: form.threshold, sink: form.sink) }
    }

    private struct Form: Sendable {
        let format: LogWriter.Format
        let threshold: LogLevel
        let sink: @Sendable ([UInt8]) -> Void
    }

    private static func form(_ options: LogOptions, _ debugLevel: Int) throws -> Form {
        let level = LogLevel.allCases.first { $0.name == options.level } ?? .info
        let output = OpenLog(try descriptor(options.output))
        let format: LogWriter.Format
        switch options.format {
        case .text: format = .text
        case .json: format = .json
        case nil: format = Process.isTerminal(output.number) ? .text : .json
        }
        return Form(
            format: format,
            threshold: debugLevel == 0 ? level : debugLevel == 1 ? .debug : .trace,
            sink: { output.write($0) })
    }

    /// Where lines go; a file is closed when nobody writes there any more.
    ///
    /// ## Concurrency
    /// Used by the thread that writes the log.
    private final class OpenLog: Sendable {
        let number: Int32

        init(_ number: Int32) { self.number = number }

        deinit { if number > 2 { close(number) } }

        func write(_ line: [UInt8]) {
            if number >= 0 { Terminal.writeAll(number, line) }
        }
    }

    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    private static func descriptor(_ output: LogOptions.Output) throws -> Int32 {
        switch output {
        case .standardError: return 2
        case .standardOutput: return 1
        case .none: return -1
        case .file(let path):
            let number = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            guard number >= 0 else {
                throw Fault(
                    description: "the log file '\(path)' cannot be opened: "
                        + String(cString: strerror(errno)))
            }
            return number
        }
    }
}
