import MeterModel

/// Keeps a channel that fails from being tried for nothing, and finds out when it is well again.
///
/// Invariants: closed, attempts begin freely; open, none begins until an instant; then one alone does, the probe, and
/// what comes of it closes or opens the circuit again, for longer each time. Disabled it stays so.
struct Circuit: Sendable {
    enum State: Hashable, Sendable {
        case closed
        case open(until: Instant)
        case probing
        case disabled
    }

    /// Failures in a row that open it.
    static let failureThreshold = 5
    /// How long it is open at first, and at most, in milliseconds; each time twice as long.
    static let firstRestMilliseconds: Int64 = 10 * Milliseconds.second
    static let maximumRestMilliseconds: Int64 = 5 * Milliseconds.minute

    private(set) var state = State.closed
    private(set) var consecutiveFailures = 0
    private var openings = 0
    /// Until when the receiver asked to be left alone.
    private var rest: Instant?

    /// When the next attempt may begin; nil: not before something else happens.
    var nextBegin: Instant? {
        let rest = rest ?? Instant(milliseconds: .min)
        switch state {
        case .closed: return rest
        case .open(let until): return max(until, rest)
        case .probing, .disabled: return nil
        }
    }

    func mayBegin(at now: Instant) -> Bool { nextBegin.map { $0 <= now } ?? false }

    /// An attempt begins, which must be allowed.
    mutating func begin() { if case .open = state { state = .probing } }

    /// An attempt that had begun was none after all.
    mutating func abandon(at now: Instant) { if state == .probing { state = .open(until: now) } }

    mutating func succeeded() {
        if state != .disabled { state = .closed }
        consecutiveFailures = 0
        openings = 0
        rest = nil
    }

    /// An attempt failed. `restMilliseconds` is how long the receiver asked to be left alone; `stretch`, from 1 up,
    /// draws out the time it is open.
    mutating func failed(at now: Instant, restMilliseconds: Int64?, stretch: Double) {
        consecutiveFailures += 1
        if let restMilliseconds {
            let until = Instant(milliseconds: now.milliseconds + restMilliseconds)
            rest = rest.map { max($0, until) } ?? until
        }
        let opens = state == .probing || (state == .closed && consecutiveFailures >= Self.failureThreshold)
        guard opens else { return }
        let span = min(Self.firstRestMilliseconds << min(Int64(openings), 10), Self.maximumRestMilliseconds)
        state = .open(until: Instant(milliseconds: now.milliseconds + Int64(Double(span) * stretch)))
        openings += 1
    }

    mutating func disable() { state = .disabled }
}
