import Ingest
import Listening
import MeterModel
import Notifications
import Projections
import QueryAPI
import ReadModel
import Synchronization

/// What is told at `/metrics`, `/healthz` and `/readyz`.
final class Metrics: ServerState {
    private let core: LiveCore
    private let disk: DiskGuard
    private let listenerBox = Mutex<LineListener?>(nil)
    private let notifierBox = Mutex<Notifier?>(nil)
    private let scrubberBox = Mutex<Scrubber?>(nil)
    private let slow = Mutex(Slow())

    /// What is asked for from time to time only.
    struct Slow {
        var jobCounts: [(state: String, count: Int64)] = []
        var channels: [ChannelStatus] = []
    }

    init(core: LiveCore, disk: DiskGuard) {
        self.core = core
        self.disk = disk
    }

    func attach(_ listener: LineListener) { listenerBox.withLock { $0 = listener } }
    func attach(_ notifier: Notifier) { notifierBox.withLock { $0 = notifier } }
    func attach(_ scrubber: Scrubber) { scrubberBox.withLock { $0 = scrubber } }

    /// Looks at what takes longer than a glance: to be called every few seconds.
    func refresh() async {
        var fresh = Slow()
        fresh.jobCounts = (try? core.views.read { try $0.pushJobCounts() }) ?? []
        if let notifier = notifierBox.withLock({ $0 }) { fresh.channels = await notifier.channelStatuses() }
        slow.withLock { $0 = fresh }
    }

    func readiness() -> (isReady: Bool, reason: String) {
        if let failure = core.failure { return (false, "failed: \(failure)") }
        if core.intake.isHoldingOff { return (false, "the disk is nearly full: nothing is taken in") }
        if !core.projector.hasLoaded { return (false, "the views are being loaded") }
        return (true, scrubberBox.withLock { $0 }?.complaint ?? "")
    }

    func metrics() -> [UInt8] {
        var text = MetricsText()
        let durable = core.intake.durablePosition.rawValue
        let committed = core.projector.committed.rawValue
        let figures = core.intake.figures.snapshot
        text.counter("meterfold_events_accepted_total", "Events taken into the log since the start.", figures.accepted)
        text.begin("meterfold_lines_refused_total", "counter", "Lines refused since the start, by reason.")
        for (code, count) in figures.reasons.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            text.sample("meterfold_lines_refused_total", ["reason": code.rawValue], "\(count)")
        }
        text.histogram(
            "meterfold_commit_seconds",
            "Time of a group commit, append and sync together.",
            bounds: IntakeFigures.syncBucketsMilliseconds.map { $0 / 1000 },
            counts: figures.syncCounts,
            sum: figures.syncSeconds
        )
        text.gauge("meterfold_queue_bytes", "Bytes received and not yet taken in.", "\(core.intake.waitingByteCount)")
        text.gauge("meterfold_log_position", "The last durable position.", "\(durable)")
        text.gauge("meterfold_log_lost_events", "Records that were given up.", "\(core.lostEventCount)")
        text.gauge("meterfold_views_position", "The position that the views speak for.", "\(committed)")
        text.gauge(
            "meterfold_views_lag_events",
            "Events that the views do not show yet.",
            "\(durable - min(durable, committed))"
        )
        text.gauge("meterfold_disk_free_bytes", "Free bytes of the data directory's disk.", "\(disk.freeByteCount)")
        text.gauge("meterfold_ingest_held", "1 while nothing is taken in.", core.intake.isHoldingOff ? "1" : "0")
        text.gauge("meterfold_ready", "1 while it serves.", readiness().isReady ? "1" : "0")
        if let listener = listenerBox.withLock({ $0 }) {
            let seen = listener.figures
            text.gauge("meterfold_connections", "Open connections that send lines.", "\(seen.openCount)")
            text.counter(
                "meterfold_connections_accepted_total",
                "Connections taken since the start.",
                seen.acceptedCount
            )
            text.counter(
                "meterfold_connections_refused_total",
                "Connections that were one too many.",
                seen.refusedCount
            )
            text.counter("meterfold_connections_ended_total", "Connections that the server ended.", seen.faultCount)
        }
        if let scrubber = scrubberBox.withLock({ $0 }) { text.add(scrubber.figures) }
        let slow = slow.withLock { $0 }
        text.begin("meterfold_push_jobs", "gauge", "Push jobs by state.")
        for (state, count) in slow.jobCounts { text.sample("meterfold_push_jobs", ["state": state], "\(count)") }
        text.begin("meterfold_channel_up", "gauge", "1 while deliveries to the channel begin freely.")
        for channel in slow.channels {
            text.sample("meterfold_channel_up", ["channel": channel.name], channel.state == .ready ? "1" : "0")
        }
        text.begin("meterfold_channel_attempts_total", "counter", "Attempts since the start, by outcome.")
        for channel in slow.channels {
            let name = channel.name
            text.sample(
                "meterfold_channel_attempts_total",
                ["channel": name, "outcome": "delivered"],
                "\(channel.delivered)"
            )
            text.sample(
                "meterfold_channel_attempts_total",
                ["channel": name, "outcome": "failed"],
                "\(channel.failed)"
            )
        }
        return text.bytes
    }
}

/// Metrics in Prometheus' text format, version 0.0.4.
struct MetricsText {
    private var text = ""

    var bytes: [UInt8] { Array(text.utf8) }

    /// Says what the samples that follow are.
    mutating func begin(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func sample(_ name: String, _ labels: KeyValuePairs<String, String>, _ value: String) {
        let words = labels.map { "\($0.key)=\"\(MetricsText.escaped($0.value))\"" }.joined(separator: ",")
        text += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(words)} \(value)\n"
    }

    mutating func gauge(_ name: String, _ help: String, _ value: String) {
        begin(name, "gauge", help)
        sample(name, [:], value)
    }

    mutating func counter(_ name: String, _ help: String, _ value: Int) {
        begin(name, "counter", help)
        sample(name, [:], "\(value)")
    }

    /// `counts` has one bucket more than there are bounds.
    mutating func histogram(_ name: String, _ help: String, bounds: [Double], counts: [Int], sum: Double) {
        begin(name, "histogram", help)
        var total = 0
        for (bound, count) in zip(bounds, counts) {
            total += count
            sample("\(name)_bucket", ["le": "\(bound)"], "\(total)")
        }
        total += counts.last ?? 0
        sample("\(name)_bucket", ["le": "+Inf"], "\(total)")
        sample("\(name)_sum", [:], "\(sum)")
        sample("\(name)_count", [:], "\(total)")
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
