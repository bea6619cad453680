import Foundation
import MeterModel

/// Says whether the days that a log tells of are those that turned.
///
/// Midnights are looked up in the system's calendar, not by the rules that the program cuts days with.
struct SimulatedDays {
    private let run: SimulatedRun

    init(_ run: SimulatedRun) { self.run = run }

    /// Each zone's midnights are there once, in order and without a gap, none before it came; the last one is today's.
    func check(_ records: [SimulatedRecord], _ tally: inout SimulatedRun.Tally) throws {
        var last: [String: Instant] = [:]
        for record in records {
            guard case .event(.dayTurned(let day)) = record.fact else { continue }
            tally[.days] += 1
            // The clock may have been set back between a look at it and the record.
            if day.at.milliseconds > record.recordedAt.milliseconds + 6 * Milliseconds.hour {
                throw Misbehaviour("\(day.at) turned at \(record.recordedAt)")
            }
            let expected = last[day.timezone].map { next(after: $0, in: day.timezone) }
            let isMidnight = start(of: day.at, in: day.timezone) == day.at
            if !isMidnight || expected.map({ $0 != day.at }) ?? false {
                throw Misbehaviour(
                    "\(day.timezone) turns at \(day.at), not at \(expected.map { "\($0)" } ?? "midnight")"
                )
            }
            last[day.timezone] = day.at
        }
        for zone in zones(records) {
            let today = start(of: run.now, in: zone)
            // Behind a clock that was ahead the next midnight is yet to come.
            guard let told = last[zone], told >= today else {
                throw Misbehaviour(
                    "\(zone) is told up to \(last[zone].map { "\($0)" } ?? "nothing"), today is \(today)"
                )
            }
        }
    }

    /// The zones of the devices that were registered.
    private func zones(_ records: [SimulatedRecord]) -> Set<String> {
        var tariffZone = "UTC"
        var zones: [String: String] = [:]
        for record in records {
            guard case .event(let event) = record.fact else { continue }
            switch event {
            case .tariffPublished(let tariff): tariffZone = tariff.timezone ?? "UTC"
            case .deviceRegistered(let device): zones[device.device] = device.timezone ?? tariffZone
            default: break
            }
        }
        return Set(zones.values)
    }

    private func start(of instant: Instant, in zone: String) -> Instant {
        let date = calendar(zone).startOfDay(for: Date(timeIntervalSince1970: Double(instant.milliseconds) / 1000))
        return Instant(milliseconds: Int64(date.timeIntervalSince1970 * 1000))
    }

    private func next(after midnight: Instant, in zone: String) -> Instant {
        // No day of these zones is shorter than 23 hours or longer than 25.
        start(of: Instant(milliseconds: midnight.milliseconds + 30 * 3_600_000), in: zone)
    }

    private func calendar(_ zone: String) -> Calendar {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: zone) ?? .gmt
        return calendar
    }
}
