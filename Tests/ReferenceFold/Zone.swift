import Foundation
import Synchronization

/// The rules of one IANA zone as a plain list of pieces of constant offset.
///
/// The pieces are found by looking Foundation's offset up every six hours and halving where it differs. Instants
/// outside the list take the offset of its first or last piece.
final class Zone: Sendable {
    let name: Text
    /// Instants at which an offset begins, ascending; the first piece has no beginning.
    private let starts: [Instant]
    private let offsets: [Int64]

    private static let known = Mutex<[Text: Zone]>([:])
    /// IANA's names without a place.
    private static let singleNames = """
        CET CST6CDT Cuba EET EST EST5EDT Egypt Eire GB GB-Eire GMT GMT+0 GMT-0 GMT0 Greenwich HST Hongkong Iceland \
        Iran \
        Israel Jamaica Japan Kwajalein Libya MET MST MST7MDT NZ NZ-CHAT Navajo PRC PST8PDT Poland Portugal ROC ROK \
        Singapore Turkey UCT UTC Universal W-SU WET Zulu
        """.split(separator: " ")
    private static let firstLookup = firstInstant - 60 * day
    private static let lastLookup = firstInstant + 45 * 366 * day

    /// Nil for a name that is no zone.
    static func named(_ name: Text) -> Zone? {
        if let zone = known.withLock({ $0[name] }) { return zone }
        // Foundation also takes offsets and abbreviations such as "GMT+5" and "PST", which are none of IANA's names.
        let isOfIANA = name.string.contains("/") || singleNames.contains { $0 == name.string }
        guard isOfIANA, let rules = TimeZone(identifier: name.string) else { return nil }
        let zone = Zone(name, rules)
        known.withLock { $0[name] = zone }
        return zone
    }

    static let utc: Zone = named("UTC") ?? Zone("UTC", .gmt)

    private init(_ name: Text, _ rules: TimeZone) {
        func offset(_ instant: Instant) -> Int64 {
            Int64(rules.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(instant / second)))) * second
        }
        var starts: [Instant] = [Instant.min / 2]
        var offsets = [offset(Zone.firstLookup)]
        for step in stride(from: Zone.firstLookup, to: Zone.lastLookup, by: 6 * Int(hour)) {
            guard offset(step + 6 * hour) != offset(step) else { continue }
            var (before, after) = (step, step + 6 * hour)
            while after - before > second {
                let middle = before + (after - before) / 2 / second * second
                if offset(middle) == offset(before) { before = middle } else { after = middle }
            }
            starts.append(after)
            offsets.append(offset(after))
        }
        self.name = name
        self.starts = starts
        self.offsets = offsets
    }

    /// A span of constant offset.
    struct Piece {
        let start: Instant
        let end: Instant
        let offset: Int64
    }

    private func pieceIndex(at instant: Instant) -> Int {
        var (low, high) = (0, starts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= instant { low = middle } else { high = middle }
        }
        return low
    }

    private func piece(_ index: Int) -> Piece {
        let end = index + 1 < starts.count ? starts[index + 1] : Instant.max / 2
        return Piece(start: starts[index], end: end, offset: offsets[index])
    }

    func pieces(from start: Instant, to end: Instant) -> [Piece] {
        (pieceIndex(at: start)...pieceIndex(at: end)).map(piece)
    }

    func offset(at instant: Instant) -> Int64 {
        offsets[pieceIndex(at: instant)]
    }

    /// Section 4: "a midnight that comes twice counts the first time, a skipped one is the first instant after the
    /// skip": the first instant at which the local clock reads the midnight or later.
    func start(of date: LocalDate) -> Instant {
        let midnight = date.number * day
        for piece in pieces(from: midnight - 26 * hour, to: midnight + 26 * hour) {
            let instant = max(piece.start, midnight - piece.offset)
            if instant < piece.end { return instant }
        }
        return midnight
    }

    /// Section 4: the day is `[local midnight, next local midnight)`.
    ///
    /// The clock may read the day before once more.
    func date(at instant: Instant) -> LocalDate {
        var date = LocalDate(number: floorDiv(instant + offset(at: instant), day) + 1)
        while start(of: date) > instant { date = date.adding(-1) }
        return date
    }

    /// Section 4: hours are cut at the instants when the local clock reads a full hour: the latest up to `instant`.
    func startOfHour(_ instant: Instant) -> Instant {
        var index = pieceIndex(at: instant)
        var latest = instant
        while true {
            let piece = piece(index)
            let full = latest - floorMod(latest + piece.offset, hour)
            if full >= piece.start { return full }
            latest = piece.start - 1
            index -= 1
        }
    }

    /// The first full hour of the local clock after `instant`.
    func endOfHour(_ instant: Instant) -> Instant {
        var index = pieceIndex(at: instant)
        var earliest = instant + 1
        while true {
            let piece = piece(index)
            let full = earliest + floorMod(-(earliest + piece.offset), hour)
            if full < piece.end { return full }
            earliest = piece.end
            index += 1
        }
    }
}
