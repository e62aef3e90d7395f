extension Rules {
    /// A word that code may not contain, what to write instead, and where it stands nevertheless.
    struct Banned {
        let word: String
        let instead: String
        /// Paths as in `Exceptions`, each with the reason.
        var except: [String: String] = [:]

        /// Whether the rule does not hold in a file.
        func excepts(_ path: String) -> Bool { except.keys.contains { Self.covers($0, path) } }

        /// Whether a path of the exceptions means a file.
        static func covers(_ exception: String, _ path: String) -> Bool {
            if exception.hasSuffix("/") { return path.hasPrefix(exception) }
            if exception.hasSuffix("*") { return path.hasPrefix(exception.dropLast()) }
            return path == exception
        }
    }

    static let banned =
        general
        + socketCalls.map {
            Banned(
                word: $0, instead: "the driver, which tests replace", except: Exceptions.sockets)
        }

    private static let general: [Banned] =
        [
            Banned(
                word: "Task {", instead: "start the work on its loop or its worker",
                except: Exceptions.tasks),
            Banned(
                word: "Task(", instead: "start the work on its loop or its worker",
                except: Exceptions.tasks),
            Banned(
                word: "Task.immediate", instead: "start the work on its loop or its worker",
                except: Exceptions.tasks),
            Banned(
                word: "Task.detached", instead: "start the work on its loop or its worker",
                except: Exceptions.tasks),
            Banned(word: "Task.sleep", instead: "a timer of the loop", except: Exceptions.sleeping),
            Banned(word: "try!", instead: "handle the error or let it pass on"),
            Banned(word: "as!", instead: "as? with a precondition that says why"),
            Banned(
                word: "print(", instead: "the log, or the command line's output",
                except: ["Sources/Gateway/CLI/": "commands write to standard output"]),
            Banned(
                word: "fatalError(", instead: "precondition or preconditionFailure, and why"),
            Banned(word: "DispatchQueue", instead: "the loop or the worker pool"),
            Banned(word: "usleep(", instead: "a timer of the loop"),
            Banned(word: "sleep(", instead: "a timer of the loop", except: Exceptions.sleeping),
            Banned(
                word: "@unchecked Sendable", instead: "a type that the compiler can check",
                except: Exceptions.unchecked),
            Banned(
                word: "nonisolated(unsafe)", instead: "a Mutex or Atomic around the state",
                except: Exceptions.unsafe),
        ]

    /// System calls that only the driver's shims make, in spellings that mean nothing else.
    private static let socketCalls = [
        "Glibc.socket(", "Glibc.bind(", "Glibc.listen(", "Glibc.connect(", "Glibc.send(",
        "Glibc.recv(", "Glibc.splice(", "accept4(", "recvmsg(", "recvmmsg(", "sendmsg(",
        "sendmmsg(", "setsockopt(", "getsockopt(", "getsockname(", "getpeername(", "pipe2(",
        "epoll_create1(", "epoll_ctl(", "epoll_wait(", "eventfd(",
    ]

    static func calls(_ file: SourceFile, banned: [Banned] = Rules.banned) -> [Finding] {
        banned.flatMap { rule -> [Finding] in
            guard !rule.excepts(file.path) else { return [] }
            return file.code.enumerated().filter { contains($0.element, word: rule.word) }.map {
                Finding(
                    path: file.path, line: $0.offset + 1,
                    message: "'\(rule.word)' is banned here: \(rule.instead)")
            }
        }
    }

    /// Whether `word` stands in the line and is not the end of a longer word.
    static func contains(_ line: String, word: String) -> Bool {
        line.ranges(of: word).contains { range in
            guard range.lowerBound > line.startIndex else { return true }
            let before = line[line.index(before: range.lowerBound)]
            return !before.isLetter && !before.isNumber && before != "_" && before != "."
        }
    }

    /// Marks of unfinished work, in comments too. Written in halves, for this file is read as well.
    static let marks = ["FIX" + "ME", "TO" + "DO", "XX" + "X", "HA" + "CK"]

    /// Paths and hosts of the machine that a change was made on.
    static let foreign = [
        "/wo" + "rk/", "/fa" + "rm/", "py" + "pi.org", "npm" + "js.org", "proxy.gol" + "ang.org",
        "crat" + "es.io", "deb.deb" + "ian.org",
    ]

    static func words(path: String, text: String) -> [Finding] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.enumerated().flatMap { index, line -> [Finding] in
            let line = String(line)
            let words = Set(line.split { !$0.isLetter }.map(String.init))
            let unfinished = marks.filter(words.contains).map {
                Finding(path: path, line: index + 1, message: "'\($0)': finish it or drop it")
            }
            let strange = foreign.filter { contains(line, word: $0) }.map {
                Finding(path: path, line: index + 1, message: "'\($0)' is not of this project")
            }
            return unfinished + strange
        }
    }
}
