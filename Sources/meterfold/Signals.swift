import Glibc
import Synchronization

/// Ctrl-C and SIGTERM, noticed between two chunks of work.
enum Signals {
    private static let interrupted = Atomic<Bool>(false)

    static var isInterrupted: Bool { interrupted.load(ordering: .relaxed) }

    /// From now on an interrupt is only noted, and a read that waits for input returns at once.
    static func noteInterrupts() {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in Signals.interrupted.store(true, ordering: .relaxed) }
        // No SA_RESTART: a blocked read must come back.
        sigaction(SIGINT, &action, nil)
        sigaction(SIGTERM, &action, nil)
    }

    static func ignoreBrokenPipe() { signal(SIGPIPE, SIG_IGN) }
}
