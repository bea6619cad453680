/// The offsets of one time zone from UTC, as plain tables: what turns instants into local days and hours. All that are
/// in a zone share its tables.
///
/// Invariants: `starts` ascends and begins at `Int64.min`; `offsets[k]` holds from `starts[k]` to `starts[k + 1]`;
/// `dayStarts[i]` is the first instant of day `firstDay + i`, and never falls.
package final class ZoneRules: Sendable {
    package let name: String
    private let starts: [Int64]
    private let offsets: [Int64]
    private let dayStarts: [Int64]
    private let firstDay: Int
    private let skippedDays: [Int]

    /// The days that are tabulated: 1999-12-01 to 2100-12-31; others are worked out one by one.
    package static let tabulatedDays = 10_926..<47_847

    package static let utc = ZoneRules(name: "UTC", transitions: [], initialOffsetSeconds: 0)

    /// - Parameters:
    ///   - name: the IANA name, compared by its bytes.
    ///   - transitions: instants (UTC milliseconds, ascending) at which a new offset (seconds) begins.
    ///   - initialOffsetSeconds: the offset before the first transition.
    package init(name: String, transitions: [(at: Int64, offsetSeconds: Int32)], initialOffsetSeconds: Int32) {
        self.name = name
        starts = [Int64.min] + transitions.map(\.at)
        offsets = [Int64(initialOffsetSeconds) * 1000] + transitions.map { Int64($0.offsetSeconds) * 1000 }
        precondition(zip(starts, starts.dropFirst()).allSatisfy { $0 < $1 }, "transitions of \(name) must ascend")
        firstDay = ZoneRules.tabulatedDays.lowerBound
        var table: [Int64] = []
        table.reserveCapacity(ZoneRules.tabulatedDays.count)
        var k = 0
        for day in ZoneRules.tabulatedDays {
            table.append(ZoneRules.firstInstant(ofLocal: Int64(day) * Milliseconds.day, starts, offsets, from: &k))
        }
        dayStarts = table
        skippedDays = table.indices.dropLast().filter { table[$0] == table[$0 + 1] }
            .map { ZoneRules.tabulatedDays.lowerBound + $0 }
    }

    /// The first instant whose local clock reads `local` or later; `k` only ever moves up.
    private static func firstInstant(ofLocal local: Int64, _ starts: [Int64], _ offsets: [Int64], from k: inout Int)
        -> Int64
    {
        while k + 1 < starts.count, local - offsets[k] >= starts[k + 1] { k += 1 }
        return k == 0 ? local - offsets[0] : max(starts[k], local - offsets[k])
    }

    private func segment(at instant: Int64) -> Int {
        var low = 0
        var high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= instant { low = middle } else { high = middle }
        }
        return low
    }

    /// The offset from UTC at an instant, in milliseconds.
    package func offset(at instant: Int64) -> Int64 { offsets[segment(at: instant)] }

    /// The offset from UTC at an instant, in seconds.
    package func offsetSeconds(at instant: Int64) -> Int32 { Int32(offset(at: instant) / 1000) }

    /// The next instant at which the offset changes, `Int64.max` where it does not any more.
    package func nextTransition(after instant: Int64) -> Int64 {
        let k = segment(at: instant)
        return k + 1 < starts.count ? starts[k + 1] : Int64.max
    }

    /// How many of the local days have any length: a zone that moves over the date line skips one.
    package func dayCount(_ days: ClosedRange<Int>) -> Int {
        days.count - skippedDays.count { days.contains($0) }
    }

    /// The first instant of a local day: of a midnight that comes twice the first, of a skipped one the first after the
    /// skip (semantics, section 4).
    package func start(ofDay day: Int) -> Int64 {
        let index = day - firstDay
        if index >= 0, index < dayStarts.count { return dayStarts[index] }
        var k = 0
        return ZoneRules.firstInstant(ofLocal: Int64(day) * Milliseconds.day, starts, offsets, from: &k)
    }

    /// The number of the local day in which an instant lies: the last that has begun.
    package func day(at instant: Int64) -> Int {
        var day = Int(floorDivide(instant + offset(at: instant), Milliseconds.day).quotient)
        while start(ofDay: day + 1) <= instant { day += 1 }
        while start(ofDay: day) > instant { day -= 1 }
        return day
    }

    /// The latest instant up to `instant` at which the local clock reads a full hour.
    package func hourStart(at instant: Int64) -> Int64 {
        var k = segment(at: instant)
        var from = instant
        while true {
            let candidate = from - floorDivide(from + offsets[k], Milliseconds.hour).remainder
            if k == 0 || candidate >= starts[k] { return candidate }
            from = starts[k] - 1
            k -= 1
        }
    }

    /// The first instant after `instant` at which the local clock reads a full hour.
    package func nextHour(after instant: Int64) -> Int64 {
        var k = segment(at: instant)
        var from = instant
        while true {
            let rest = floorDivide(from + offsets[k], Milliseconds.hour).remainder
            // At the beginning of a later segment, that very instant may read a full hour.
            let candidate = from == instant || rest != 0 ? from + Milliseconds.hour - rest : from
            if k + 1 == starts.count || candidate < starts[k + 1] { return candidate }
            k += 1
            from = starts[k]
        }
    }

    /// What a local clock reading means as an instant.
    package enum Resolution: Equatable, Sendable {
        case once(Int64)
        /// The clock read this twice.
        case twice(first: Int64, second: Int64)
        /// The clock never read this.
        case skipped
    }

    /// The instants at which the local clock read `local` (milliseconds since 1970-01-01T00:00 local).
    package func instants(ofLocal local: Int64) -> Resolution {
        var found: [Int64] = []
        let around = segment(at: local - offset(at: local))
        for k in max(0, around - 2)...min(starts.count - 1, around + 2) {
            let candidate = local - offsets[k]
            if candidate >= starts[k], k + 1 == starts.count || candidate < starts[k + 1] { found.append(candidate) }
        }
        switch found.count {
        case 0: return .skipped
        case 1: return .once(found[0])
        default: return .twice(first: found[0], second: found[1])
        }
    }
}

/// Where zone rules come from: a seam, so that the same rules can be given on any machine.
package protocol ZoneSource: Sendable {
    /// The rules of an IANA zone, or nil where it is unknown.
    func rules(of name: String) -> ZoneRules?
    /// Which time-zone database the rules come from, with its version.
    var version: String { get }
}
