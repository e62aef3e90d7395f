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
        let level = LogLevel.allCases.first { $0.name == options.level } ?? .info
        let threshold = debugLevel == 0 ? level : debugLevel == 1 ? .debug : .trace
        let number = try descriptor(options.output)
        let format: LogWriter.Format
        switch options.format {
        case .text: format = .text
        case .json: format = .json
        case nil: format = Process.isTerminal(number) ? .text : .json
        }
        return try LogWriter(
            format: format, threshold: threshold, wallMilliseconds: { now() },
            sink: { line in
                if number >= 0 { Terminal.writeAll(number, line) }
            })
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
