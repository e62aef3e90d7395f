import Foundation
import Glibc

/// How a process ended.
enum Exit: Equatable, CustomStringConvertible {
    /// It returned this status.
    case code(Int32)
    /// A signal ended it.
    case signal(Int32)

    init(waitStatus status: Int32) {
        let signal = status & 0x7f
        self = signal == 0 ? .code(status >> 8 & 0xff) : .signal(signal)
    }

    var description: String {
        switch self {
        case .code(let code): "exit status \(code)"
        case .signal(let number): "signal \(number)"
        }
    }
}

/// A harness step that went wrong; the sentence says which.
struct HarnessFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A program started by a test, with both outputs in files, killed at the latest on deinit.
///
/// Started with `posix_spawn`, so that it inherits the calling thread's namespaces, and no
/// descriptor but the standard ones.
///
/// ## Concurrency
/// Used by the thread of one test.
final class ChildProcess {
    let pid: pid_t
    let outputPath: String
    let errorPath: String
    private var exit: Exit?

    /// Starts `command`, looked up in PATH, with `folder` as its working directory.
    init(
        _ command: [String], in folder: TemporaryFolder, input: String? = nil,
        environment: [String: String] = [:]
    ) throws {
        let number = folder.nextNumber()
        outputPath = folder.path("child-\(number).out")
        errorPath = folder.path("child-\(number).err")
        var inputPath = "/dev/null"
        if let input {
            inputPath = folder.path("child-\(number).in")
            try Data(input.utf8).write(to: URL(fileURLWithPath: inputPath))
        }
        pid = try Self.spawn(
            command, folder: folder.root, environment: environment,
            input: inputPath, output: outputPath, errors: errorPath)
    }

    deinit { kill() }

    /// Everything written to standard output so far.
    var output: String { readText(outputPath) }
    /// Everything written to standard error so far.
    var errors: String { readText(errorPath) }

    /// How it ended, or nil where it still runs after `seconds`.
    func exit(within seconds: Double) -> Exit? {
        let deadline = Deadline(seconds)
        while true {
            if let exit { return exit }
            var status: Int32 = 0
            if waitpid(pid, &status, WNOHANG) == pid {
                exit = Exit(waitStatus: status)
                return exit
            }
            if deadline.hasPassed { return nil }
            pause(milliseconds: 5)
        }
    }

    var isRunning: Bool { exit(within: 0) == nil }

    /// Sends a signal, unless it has ended.
    func signal(_ number: Int32) {
        if isRunning { _ = Glibc.kill(pid, number) }
    }

    /// Ends it with SIGKILL, with whatever it started, and reaps it.
    func kill() {
        guard exit == nil else { return }
        _ = Glibc.kill(-pid, SIGKILL)
        _ = Glibc.kill(pid, SIGKILL)
        _ = exit(within: 10)
    }

    private static func spawn(
        _ command: [String], folder: String, environment: [String: String],
        input: String, output: String, errors: String
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let create = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, create, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, create, 0o600)
        try GNU.changeFolder(&actions, folder)
        try GNU.closeFrom(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var merged = ProcessInfo.processInfo.environment
        merged["LC_ALL"] = "C.UTF-8"
        for key in ["http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
            merged[key] = nil
        }
        merged.merge(environment) { $1 }
        let arguments = command.map { strdup($0) } + [nil]
        let variables = merged.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, command[0], &actions, &attributes, arguments, variables)
        guard code == 0 else {
            throw HarnessFailure("cannot start \(command[0]): \(String(cString: strerror(code)))")
        }
        return pid
    }
}

/// What a program did that has ended.
struct Finished: CustomStringConvertible {
    let exit: Exit
    let output: String
    let errors: String

    var description: String { "\(exit)\n--- stdout\n\(output)\n--- stderr\n\(errors)" }
    var isSuccess: Bool { exit == .code(0) }
}

/// Runs a program to its end; one that takes longer than `seconds` is killed and an error.
func run(
    _ command: [String], in folder: TemporaryFolder, input: String? = nil,
    environment: [String: String] = [:], within seconds: Double = 30
) throws -> Finished {
    let child = try ChildProcess(command, in: folder, input: input, environment: environment)
    guard let exit = child.exit(within: seconds) else {
        child.kill()
        throw HarnessFailure(
            "\(command.joined(separator: " ")) did not end within \(seconds) s\n\(child.output)"
                + child.errors)
    }
    return Finished(exit: exit, output: child.output, errors: child.errors)
}
