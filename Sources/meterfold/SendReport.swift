import Listening
import Synchronization

/// What a `send` did, told at its end.
struct SendReport {
    var status: SendStatus
    var isAcknowledged: Bool
    var tellsLatency: Bool
    var seconds: Double

    private var reasons: [(code: String, count: Int)] {
        status.refusals.map { ($0.key, $0.value) }.sorted { $0.code < $1.code }
    }

    private var rate: Int { Int(Double(status.lineCount) / max(seconds, 0.000_001)) }

    private static let ranks: [(name: String, perMille: UInt64)] = [
        ("p50", 500), ("p99", 990), ("p99.9", 999), ("max", 1000),
    ]

    /// Milliseconds with three digits, of what lines took from when they were due until they were durable.
    private var latencies: [(name: String, milliseconds: SecondsText)] {
        SendReport.ranks.map { name, perMille in
            (name, SecondsText(Double(status.latency.microseconds(perMille: perMille)) / 1000))
        }
    }

    var json: String {
        var codes = JSONLine()
        for (code, count) in reasons { codes.add(code, count) }
        var line = JSONLine()
        line.add("sent", Int64(clamping: status.lineCount))
        line.add("acked", isAcknowledged ? Int64(clamping: status.ackedLine) : nil)
        line.add("refused", status.refusedCount)
        line.add("reasons", raw: codes.text)
        line.add("lastPosition", status.lastPosition.map { Int64(clamping: $0) })
        line.add("reconnects", status.reconnectCount)
        line.add("bytes", Int64(clamping: status.byteCount))
        line.add("seconds", raw: "\(SecondsText(seconds))")
        if tellsLatency {
            var latency = JSONLine()
            for (name, milliseconds) in latencies { latency.add(name, raw: "\(milliseconds)") }
            line.add("latencyMilliseconds", raw: latency.text)
        }
        return line.text
    }

    var text: String {
        var lines = ["sent       \(status.lineCount) lines"]
        lines.append("acked      " + (isAcknowledged ? "\(status.ackedLine)" : "not asked for"))
        if status.refusedCount > 0 {
            lines.append("refused    \(status.refusedCount)")
            for (code, count) in reasons { lines.append(Terminal.harmless("           \(count) \(code)")) }
        }
        lines.append("position   \(status.lastPosition.map { "\($0)" } ?? "none")")
        if status.reconnectCount > 0 { lines.append("reconnects \(status.reconnectCount)") }
        if tellsLatency {
            lines.append(
                "latency    " + latencies.map { "\($0.name) \($0.milliseconds)" }.joined(separator: ", ") + " ms"
            )
        }
        lines.append("time       \(SecondsText(seconds)) s, \(rate) lines/s")
        return lines.joined(separator: "\n")
    }
}

/// Tells of refused lines and lost connections on stderr: the first of them, then how many more there were.
final class RefusalPrinter: Sendable {
    private static let maximumShownCount = 20

    private let input: String
    private let counts = Mutex(Counts())

    private struct Counts {
        var refused = 0
        var losses = 0

        mutating func next(_ count: WritableKeyPath<Counts, Int>) -> Int {
            self[keyPath: count] += 1
            return self[keyPath: count]
        }
    }

    init(input: String) { self.input = input }

    func note(_ event: SendEvent) {
        switch event {
        case .refused(let refusal):
            guard isShown(counts.withLock { $0.next(\.refused) }) else { return }
            show("\(input):\(refusal.line): \(refusal.code): \(refusal.text)")
        case .lost(let reason, let milliseconds):
            guard isShown(counts.withLock { $0.next(\.losses) }) else { return }
            show("no connection: \(reason); trying again in \(milliseconds) ms")
        case .resumed(let line): show("connected again, going on behind line \(line)")
        }
    }

    /// Says how many were not shown.
    func finish() {
        let more = counts.withLock { $0.refused } - RefusalPrinter.maximumShownCount
        if more > 0 { Terminal.error("meterfold: \(input): and \(more) more refused lines") }
    }

    private func isShown(_ count: Int) -> Bool { count <= RefusalPrinter.maximumShownCount }

    private func show(_ text: String) {
        Terminal.error((Terminal.errorsAreShown ? "\r\u{1B}[K" : "") + Terminal.harmless("meterfold: \(text)"))
    }
}
