import Glibc

/// A line on the terminal that says how far long work is: done, rate, remaining. Nothing where stderr is no terminal.
final class Progress {
    private let title: String
    private let total: UInt64?
    private let unit: String
    private let startedAt = SystemClock.uptimeSeconds()
    private var shownAt: Double
    private var isShown = false

    /// Seconds between two looks.
    private static let interval = 0.2

    /// - Parameters:
    ///   - title: what is being done.
    ///   - total: how much there is; nil where it is not known.
    ///   - unit: what is counted.
    init(_ title: String, total: UInt64?, unit: String) {
        self.title = title
        self.total = total
        self.unit = unit
        shownAt = startedAt
    }

    func advance(to done: UInt64) {
        guard Terminal.errorsAreShown else { return }
        let now = SystemClock.uptimeSeconds()
        guard now - shownAt >= Progress.interval else { return }
        shownAt = now
        isShown = true
        let rate = Double(done) / max(now - startedAt, 0.001)
        var line = "\r\(title): \(done) \(unit), \(Int(rate))/s"
        if let total, total > 0, rate > 0 {
            let remaining = Double(total - min(done, total)) / rate
            line += ", \(min(100, done * 100 / total)) %, \(Int(remaining.rounded(.up))) s left"
        }
        Terminal.write(errorText: line + "\u{1B}[K")
    }

    func finish() {
        if isShown { Terminal.write(errorText: "\r\u{1B}[K") }
    }
}
