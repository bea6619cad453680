import Synchronization

/// Where a command's words go.
protocol Console: Sendable {
    /// A line of what was asked for.
    func print(_ line: String)

    /// A line about how it went.
    func error(_ line: String)
}

/// The standard streams of the process.
struct StandardConsole: Console {
    func print(_ line: String) { Terminal.print(line) }
    func error(_ line: String) { Terminal.error(line) }
}

/// Gathers the words of a command that was handed over by another process.
final class GatheredConsole: Console {
    private let texts = Mutex((out: "", err: ""))

    func print(_ line: String) { texts.withLock { $0.out += line + "\n" } }
    func error(_ line: String) { texts.withLock { $0.err += line + "\n" } }

    /// What was said so far.
    var gathered: (out: String, err: String) { texts.withLock { $0 } }
}
