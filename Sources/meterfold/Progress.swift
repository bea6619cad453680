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

    /// - Parameters:
    ///   - done: how much is done of what is counted.
    ///   - share: how far the work is, from 0 to 1, where another measure than the count says so.
    func advance(to done: UInt64, share: Double? = nil) {
        guard Terminal.errorsAreShown else { return }
        let now = SystemClock.uptimeSeconds()
        guard now - shownAt >= Progress.interval else { return }
        shownAt = now
        isShown = true
        let share = share ?? total.flatMap { $0 > 0 ? Double(done) / Double($0) : nil }
        let line = Progress.line(title, done: done, unit: unit, seconds: now - startedAt, share: share)
        Terminal.write(errorText: "\r\(line)\u{1B}[K")
    }

    /// What the terminal shows: done and rate, and where the share is known that and the time that is left.
    static func line(_ title: String, done: UInt64, unit: String, seconds: Double, share: Double?) -> String {
        let line = "\(title): \(done) \(unit), \(Int(Double(done) / max(seconds, 0.001)))/s"
        guard let share, share > 0 else { return line }
        let part = min(share, 1)
        return line + ", \(Int(part * 100)) %, \(Int((seconds * (1 - part) / part).rounded(.up))) s left"
    }

    func finish() {
        if isShown { Terminal.write(errorText: "\r\u{1B}[K") }
    }
}
