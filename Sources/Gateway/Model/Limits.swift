/// Every bound in the gateway, each with the reason for its number.
///
/// Values that an operator may want to change are options with these as defaults; the rest are
/// chosen so that one hostile client cannot take more than its share of memory or time.
public enum Limits {
    // MARK: Loop

    /// Connections accepted per listener and turn: enough for 15,000/s, few enough that flows
    /// already running are served between batches.
    public static let acceptsPerTurn = 64
    /// Readiness events taken per turn; the kernel keeps the rest.
    public static let eventsPerTurn = 256
    /// Reads per direction and turn before a busy flow goes to the back of the queue.
    public static let transfersPerTurn = 8
    /// Bytes read into the loop's scratch buffer at once; one buffer per loop, none per flow.
    public static let scratchBytes = 256 * 1024
    /// How long accepting rests after the process ran out of descriptors or memory.
    public static let acceptPauseMilliseconds = 100

    // MARK: Relay

    /// A direction turns bulk after so many reads in a row of at least `bulkReadBytes`.
    public static let bulkReads = 4
    /// The smallest read that counts towards bulk.
    public static let bulkReadBytes = 8 * 1024
    /// Capacity asked for a splice pipe. A pipe slot holds one fragment, so small pipes fill after
    /// 16 of them and gain nothing.
    public static let pipeBytes = 1024 * 1024
    /// Pipes per loop: 32 MiB, half of what `fs.pipe-user-pages-soft` allows without privilege.
    public static let pipesPerLoop = 32

    // MARK: Handshakes

    /// Bytes of a handshake read at once. Greeting, credentials and request of SOCKS5 together are
    /// at most 1,034 bytes; what a client pipelines beyond stays in the kernel.
    public static let handshakeBytes = 2 * 1024
    /// Spare buffers and objects kept per loop for reuse.
    public static let sparesPerLoop = 256
    /// Concurrent connections per loop that have not finished their handshake.
    public static let handshakesPerLoop = 8 * 1024
    /// Bytes of a binary PROXY header with its additions, which are left out: what a handshake's
    /// buffer holds. haproxy sends less than 300 without a client's certificate.
    public static let proxyHeaderBytes = handshakeBytes
    /// How long a PROXY header may take to come; as in gost.
    public static let proxyHeaderMilliseconds = 10_000
    /// Addresses of one name that are tried.
    public static let addressesPerName = 16

    /// Resolving and connecting, all addresses of a name together; gost's default.
    public static let dialMilliseconds = 15_000
    /// How long a stream may be quiet where the configuration sets no bound: a day.
    public static let streamIdleMilliseconds = 24 * 60 * 60 * 1000

    // MARK: HTTP

    /// Bytes of a request's or response's head: what large cookies and tokens take, eight times
    /// what common origins accept.
    public static let headBytes = 64 * 1024
    /// Bytes of a request's target; browsers and origins stop between 8 and 64 KiB.
    public static let targetBytes = 16 * 1024
    /// Fields of one head, or of the trailers.
    public static let headFields = 256
    /// Bytes of the trailers of chunked content.
    public static let trailerBytes = 16 * 1024
    /// Bytes of extensions in one chunk's line. Nobody sends any; the RFC wants them bounded.
    public static let chunkLineBytes = 1024
    /// Bytes of a message read at once, and so the most that waits for a slow receiver: a relay
    /// holds one read of 256 KiB, but proxied requests come from many more slow clients at once.
    public static let messageReadBytes = 64 * 1024
    /// Answers with 1xx that are passed on before the one that counts.
    public static let interimAnswers = 64
    /// Connections to origins that one service keeps for reuse on one loop, and of them to one
    /// destination for one user; browsers open six.
    public static let keptUpstreams = 1024
    /// See `keptUpstreams`.
    public static let keptUpstreamsPerDestination = 256
    /// How long such a connection is kept: less than common origins wait before they close.
    public static let keptUpstreamMilliseconds = 30_000
    /// How old a kept connection may be for a request that must not be repeated if the origin
    /// has just closed it.
    public static let freshUpstreamMilliseconds = 1000
    /// How long a client's connection is kept without a request, where `idleTimeout` is not set.
    public static let keptClientMilliseconds = 60_000
    /// Clients per loop that are between requests or in one; beyond it, connections close after
    /// their answer.
    public static let keptClientsPerLoop = 32 * 1024

    // MARK: Rates and quotas

    /// How often bytes that were granted to a loop and lie there unused are given back. As long as
    /// the burst of a limit that names none, so that loops do not starve each other.
    public static let grantMilliseconds = 50
    /// The smallest share of a limited flow: about one full segment, since smaller reads would cost
    /// more than the bytes are worth.
    public static let smallestShareBytes = 1460
    /// Flows of one limit that get a share in one turn, so that others are served in between.
    public static let limitedFlowsPerTurn = 256
    /// Users and addresses of one limiter that are remembered before those that are at rest are
    /// forgotten.
    public static let limitedSubjects = 1024
    /// Bytes of a quota that a loop takes at once: what it reads at once at most.
    public static let quotaSliceBytes = 256 * 1024
    /// How long a quota that has nothing left waits for bytes that loops hold and do not use:
    /// longer than they keep them.
    public static let quotaPatienceMilliseconds = 250
    /// Users and addresses that have an account with one quota; further ones are refused.
    public static let quotaHolders = 1_000_000
    /// How long a start waits until flows of dead runs are counted in quotas.
    public static let quotaRecoveryMilliseconds = 10_000

    // MARK: HTTP server of the control plane

    /// Events of a service that the API tells: as many as in gost.
    public static let serviceEvents = 20
    /// Holders of a quota that the API tells: those that used most.
    public static let quotaHoldersShown = 100

    /// Connections of one server: operators, their tools and a few collectors.
    public static let httpConnections = 256
    /// How long a request's head may take to come, whatever drips in.
    public static let httpHeadMilliseconds = 15_000
    /// How long a connection may wait for its next request.
    public static let httpIdleMilliseconds = 60_000
    /// How long a request's body may take to come.
    public static let httpBodyMilliseconds = 60_000
    /// Bytes written under one deadline.
    public static let httpWriteBytes = 64 * 1024
    /// How long so many bytes may take to be written.
    public static let httpWriteMilliseconds = 30_000
    /// How long a plugin's route may take to begin its answer.
    public static let httpRouteMilliseconds = 30_000
    /// Bytes of an object that is made through the API: a list of some ten thousand patterns.
    public static let apiBodyBytes = 4 * 1024 * 1024
    /// Samples that one plugin adds to the metrics.
    public static let samplesPerPlugin = 1000
    /// Bytes of a body that nobody wanted which are read away to keep the connection.
    public static let httpSkippedBytes = 64 * 1024

    // MARK: Chains

    /// Bytes of a proxy's answer to CONNECT, interim answers included: what popular servers take
    /// as a head at most. Only its first line is kept.
    public static let proxyAnswerBytes = 64 * 1024

    // MARK: UDP

    /// Segments in one segmented send; the kernel's own bound (`UDP_MAX_SEGMENTS`).
    public static let segmentsPerSend = 64
    /// Datagram buffers received per call; each may hold a whole train of segments.
    public static let datagramsPerReceive = 16
    /// Destinations per association; the least recently used one ends when another is needed.
    public static let flowsPerAssociation = 1024
    /// Associations per loop.
    public static let associationsPerLoop = 4096
    /// Datagrams that wait for a name to be resolved, per association.
    public static let datagramsAwaitingName = 32
    /// Clients of a datagram forwarder whose way through nodes is being opened, per service and
    /// loop: what strangers with made-up addresses can have us dial at one time.
    public static let waysAwaited = 256
    /// Until a client's way through nodes is tried again after it could not be opened: a node that
    /// is down is asked once a second by each client that goes on sending.
    public static let wayRestMilliseconds = 1000

    /// Bytes of datagrams framed for a stream that wait for its peer: the largest frame, and one
    /// more while it is written. What finds no room is dropped.
    public static let framesPerStreamBytes = 128 * 1024
    /// Streams per loop whose frames wait at one time: 64 MiB. Those of others are dropped then.
    public static let frameBuffersPerLoop = 512
    /// Spare memory of that kind kept per loop: 2 MiB.
    public static let spareFrameBuffersPerLoop = 16

    // MARK: Names

    /// Names kept by a resolver's cache.
    public static let cachedNames = 8192
    /// Queries one loop's resolver has in flight.
    public static let queriesInFlight = 4096

    // MARK: Metering and plugins

    /// How often the counts of busy flows are handed over.
    public static let ledgerIntervalMilliseconds = 1000
    /// How soon an opened or ended flow is handed over. Plugins store a batch at a time; its cost
    /// is spread over what came within this time. Who asks for exact figures settles.
    public static let ledgerDelayMilliseconds = 200
    /// The width of a usage bucket: 15 minutes, so that days can be computed in any time zone.
    public static let usageBucketMilliseconds = 15 * 60 * 1000
    /// Events in one batch for a plugin.
    public static let eventsPerBatch = 4096
    /// Events that wait for a plugin that is slow or fails; flows that open beyond it are not told
    /// to it in this run.
    public static let endedFlowsPerPlugin = 262_144
    /// Ended flows that a plugin behind by more is told at the next start: their slots of 256 bytes
    /// stay in the meter's file. More are dropped and counted.
    public static let deferredFlowsPerPlugin = 1_000_000
    /// Per-datagram events that wait for a reporter; more are dropped and counted.
    public static let packetsPerReporter = 65_536
    /// How long a plugin may take to answer a question that a flow waits for.
    public static let pluginAnswerMilliseconds = 5000

    /// How long a plugin may take to open what it needs: databases may have to migrate.
    public static let pluginStartMilliseconds = 60_000

    // MARK: Supervision

    /// A loop that does not answer for half of this is reported, where no service manager says
    /// how often it wants a sign of life. A turn takes well below a millisecond.
    public static let loopWatchMilliseconds = 10_000

    // MARK: Log, admin socket

    /// Log text that waits to be written; more is dropped and counted.
    public static let logBytes = 4 * 1024 * 1024
    /// How long the end of the process waits for the log to be written.
    public static let logCloseMilliseconds = 2000
    /// Connections on the admin socket at one time.
    public static let adminClients = 16
    /// How long a request on the admin socket may take to come and to be answered.
    public static let adminMilliseconds = 30_000

    // MARK: Requests to servers of the control plane

    /// Requests on their way or waiting for a connection; more fail at once. As many handshakes as
    /// half a loop may have, each of which may ask about a login.
    public static let controlRequests = 4096
    /// Connections to such servers, all together.
    public static let controlConnections = 64
    /// Connections to one such server.
    public static let controlConnectionsPerHost = 32
    /// The longest answer of a plugin's server; all that it has to say fits into a hundred bytes.
    public static let pluginResponseBytes = 64 * 1024
    /// What somebody may move before the first answer about his limit: a page's first answers, so
    /// that asking delays nobody who wants little. It is paid for afterwards.
    public static let advanceBytes = 64 * 1024
    /// Users, connections and services whose limits are asked for, of one limiter in one place;
    /// who comes above that has none.
    public static let askedSubjects = 65_536
    /// Answers that one limiter asks for again in a second.
    public static let limitQuestionsPerSecond = 1024
    /// Clients of all services together that observers know by name: rows of 200 bytes in a file.
    public static let observedClients = 262_144
    /// Events in one message to an observer: half a megabyte, which servers take at once.
    public static let eventsPerMessage = 1000
    /// States of a service that are kept for an observer that is away; older ones say nothing.
    public static let statesPerObserver = 16
    /// How long observers may take for the last messages of a run; the rest comes after the next
    /// start.
    public static let observerFarewellMilliseconds = 2000

    // MARK: Names of users, logins

    /// Addresses and users whose failed logins are remembered.
    public static let trackedLogins = 16_384
    /// How long a session outlives its last flow.
    public static let sessionIdleMilliseconds = 60_000
    /// Logins of one address that wait because earlier ones failed; more are refused at once, so
    /// that guessing side by side gains nothing.
    public static let delayedLoginsPerAddress = 4
    /// Logins of one address that wait until others of it are answered: what a browser opens at
    /// once, many times over.
    public static let queuedLoginsPerAddress = 1024
    /// How long such a login waits: twice as long as a plugin may take for its answer.
    public static let queuedLoginMilliseconds = 10_000
    /// Users with an open session.
    public static let sessions = 1_000_000

    // MARK: Configuration

    /// Bytes of one configuration file, or of one file of users or hosts: a hundred thousand users
    /// in a file that a panel generates take 6 MiB.
    public static let configurationBytes = 16 * 1024 * 1024
    /// Values of one file with all aliases expanded: what the largest allowed file can hold without
    /// aliases, so that aliases cannot make more of it.
    public static let configurationNodes = 1_000_000
    /// Nesting of lists and mappings; gost's own files reach nine.
    public static let configurationDepth = 64
    /// Ports of one range on the command line, each of which becomes a listener.
    public static let portsPerRange = 1024
}
