import MeterModel

/// Turns readings of a local clock into instants.
///
/// An hour that the clock reads twice is told apart series by series: a clock reading in it is of the first pass, until
/// it is not later than the reading of the same series before it, that one also lying in the repeated hour. An hour
/// that the clock skips has no instant.
struct CivilClock: Sendable {
    private let zone: ZoneRules?
    /// The six hours of the local clock that were looked at last, from `blockStart` on.
    private var blockStart = Int64.min
    /// The offset that holds all through them, or nil where it changes in or next to them.
    private var blockOffset: Int64?
    /// The last instant of a series in a stretch where the offset changes.
    private var lastInstants: [UInt64: Int64] = [:]

    /// No zone changes its offset twice within as long.
    private static let blockMilliseconds = 6 * Milliseconds.hour

    init(_ zone: ZoneRules?) { self.zone = zone }

    /// The instant of a clock reading.
    ///
    /// - Parameters:
    ///   - local: milliseconds since 1970-01-01T00:00 on the local clock.
    ///   - series: what tells the series of readings apart.
    /// - Returns: nil where the clock never read so.
    @inline(__always)
    mutating func instant(ofLocal local: Int64, series: UInt64) -> Int64? {
        guard let zone else { return local }
        if local < blockStart || local >= blockStart &+ CivilClock.blockMilliseconds { enterBlock(of: local, zone) }
        if let blockOffset { return local - blockOffset }
        return instantNearChange(local, series, zone)
    }

    private mutating func enterBlock(of local: Int64, _ zone: ZoneRules) {
        blockStart = local - floorDivide(local, CivilClock.blockMilliseconds).remainder
        let blockEnd = blockStart + CivilClock.blockMilliseconds
        blockOffset = nil
        if case .once(let first) = zone.instants(ofLocal: blockStart),
            case .once(let last) = zone.instants(ofLocal: blockEnd), last - first == CivilClock.blockMilliseconds
        {
            blockOffset = blockStart - first
        }
    }

    private mutating func instantNearChange(_ local: Int64, _ series: UInt64, _ zone: ZoneRules) -> Int64? {
        let instant: Int64
        switch zone.instants(ofLocal: local) {
        case .skipped: return nil
        case .once(let only): instant = only
        case .twice(let first, let second):
            if let last = lastInstants[series], last >= first, last <= second {
                instant = second
            } else {
                instant = first
            }
        }
        lastInstants[series] = instant
        return instant
    }
}
