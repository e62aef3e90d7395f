import Configuration
import Inbound
import LinuxIO
import Loop
import Model
import Options
import PluginKit

/// Files of objects that are read again while the gateway runs: after each `reload` period, and at
/// once when a file changes. One instance serves every kind of object.
///
/// A file is read and understood on the pool; what comes of it is published to the loops as one
/// value. A file that cannot be read, or has a mistake, leaves the object as it was, and is told
/// once. Files are found again by their names, so renaming a new file over the old one works.
///
/// ## Concurrency
/// Confined to the control loop.
final class FileSources: ReadinessHandler {
    /// Files that are followed, and given up, together.
    enum Group {
        /// Of objects that a change makes anew: a file goes with its object.
        case objects
        /// Of limits, which a change leaves in their place.
        case limits
    }

    private let home: EventLoop
    private let pool: BlockingPool
    private let journal: Journal
    private let reader: SharedFileReader
    private let makeWatch: () throws(Errno) -> DirectoryWatch?
    private var watch: DirectoryWatch?
    private var isListening = false
    private var registration = Registration.none
    private var followed: [FollowedFile] = []
    private var isClosed = false

    /// No files yet. `makeWatch` is called for the first of them; without a watch, files are
    /// looked at after their periods alone.
    init(
        home: EventLoop, pool: BlockingPool, journal: Journal,
        makeWatch: @escaping () throws(Errno) -> DirectoryWatch?, reader: @escaping SharedFileReader
    ) {
        self.home = home
        self.pool = pool
        self.journal = journal
        self.reader = reader
        self.makeWatch = makeWatch
    }

    /// Follows an object's file from now on, if it has one that is to be read again, as long as
    /// somebody else holds the object.
    ///
    /// - Parameters:
    ///   - file: the object's file; nil does nothing.
    ///   - object: what log lines call the object, such as `bypass 'x'`.
    ///   - target: the object, which is not held.
    ///   - group: what it is given up with.
    ///   - reread: understands the file, read by the reader it is given; runs on the pool, so the
    ///     value may take its time to be made.
    ///   - publish: gives the object a new value; called on the pool, once at a time.
    func follow<Target: AnyObject & Sendable, Value: Sendable>(
        _ file: ListFile?, of object: String, for target: Target, in group: Group = .objects,
        reread: @escaping @Sendable (_ reader: @escaping FileReader) -> Reread<Value>,
        publish: @escaping @Sendable (Target, Value) -> Void
    ) {
        guard let file, let period = file.reload, !isClosed else { return }
        listen()
        let path = file.path.value
        let read: @Sendable (Int?) -> FollowedFile.Reading = { [reader, weak target] digest in
            FollowedFile.read(path, reader, known: digest) { bytes in
                let known: FileReader = { (_) throws(FileFault) in bytes }
                let reread = reread(known)
                guard let value = reread.value else { return (false, reread.findings) }
                if let target { publish(target, value) }
                return (true, reread.findings)
            }
        }
        let source = FollowedFile(
            path, of: object, period: period, home: home, pool: pool, journal: journal, read: read)
        source.group = group
        source.onLook = { [weak self, weak target] source in
            if target == nil {
                self?.drop(source)
            } else if source.directory == nil {
                self?.attach(source)
            }
        }
        followed.append(source)
        attach(source)
        source.look()
    }

    /// A reload makes new objects, and the old ones go with the last connection that holds them.
    private func drop(_ source: FollowedFile) {
        source.close()
        followed.removeAll { $0 === source }
        guard let directory = source.directory,
            !followed.contains(where: { $0.directory == directory })
        else { return }
        watch?.remove(directory)
    }

    /// Follows the files of a group no longer. What is being read is still published.
    func forget(_ group: Group) {
        for source in followed where source.group == group { drop(source) }
    }

    /// Follows nothing any more.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        for source in followed { source.close() }
        followed.removeAll()
        if let watch { home.close(watch.descriptor, registration) }
    }

    // MARK: Directories

    private func listen() {
        if isListening { return }
        isListening = true
        do throws(Errno) {
            guard let watch = try makeWatch() else { return }
            self.watch = watch
            registration = try home.register(watch.descriptor, self, tag: 0)
        } catch {
            journal(
                .warn, "changes of files are noticed after their reload period only",
                [("error", error.description)])
        }
    }

    /// Watches a file's directory. One that is not there is looked for every second.
    private func attach(_ source: FollowedFile) {
        source.directory = try? watch?.add(source.directoryPath)
        source.isSearching = watch != nil && source.directory == nil
    }

    func descriptorReady(_ readiness: Readiness, tag: UInt8) {
        guard let watch else { return }
        while true {
            let changes = watch.changes()
            if changes.isEmpty { return }
            for change in changes { take(change) }
        }
    }

    private func take(_ change: DirectoryWatch.Change) {
        for source in followed {
            if change.directory == -1 {
                source.changed()
            } else if source.directory == change.directory {
                guard let name = change.name else {
                    // Whatever takes the directory's place is watched from the next look on.
                    source.directory = nil
                    source.changed()
                    continue
                }
                // Volumes of containers exchange a link `..data` that the files lie behind.
                if name == source.name || name.hasPrefix("..") { source.changed() }
            }
        }
        if change.name == nil, change.directory != -1 { watch?.remove(change.directory) }
    }
}
