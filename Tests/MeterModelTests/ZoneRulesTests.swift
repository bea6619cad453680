import Foundation
import MeterModel
import Testing
import TimeZones

@Suite("Zone rules")
struct ZoneRulesTests {
    /// A zone, the days on which its clock is watched, and the length of the second of them in hours.
    struct Watched: CustomTestStringConvertible {
        var zone: String
        var date: String
        var hours: Double

        var testDescription: String { "\(zone) \(date)" }

        static let all = [
            Watched(zone: "Europe/Berlin", date: "2025-03-30", hours: 23),
            Watched(zone: "Europe/Berlin", date: "2025-10-26", hours: 25),
            Watched(zone: "Europe/Berlin", date: "2025-06-15", hours: 24),
            Watched(zone: "America/New_York", date: "2025-03-09", hours: 23),
            Watched(zone: "America/New_York", date: "2025-11-02", hours: 25),
            Watched(zone: "Australia/Lord_Howe", date: "2025-04-06", hours: 24.5),
            Watched(zone: "Australia/Lord_Howe", date: "2025-10-05", hours: 23.5),
            Watched(zone: "Asia/Kolkata", date: "2025-03-30", hours: 24),
            Watched(zone: "Asia/Kathmandu", date: "2025-03-30", hours: 24),
            Watched(zone: "America/Sao_Paulo", date: "2018-11-04", hours: 23),
            Watched(zone: "America/Sao_Paulo", date: "2018-02-17", hours: 25),
            Watched(zone: "America/Havana", date: "2025-03-09", hours: 23),
            Watched(zone: "America/Havana", date: "2025-11-02", hours: 25),
            Watched(zone: "America/St_Johns", date: "2010-11-07", hours: 25),
            Watched(zone: "Pacific/Apia", date: "2011-12-30", hours: 0),
            Watched(zone: "Pacific/Apia", date: "2011-12-29", hours: 24),
            Watched(zone: "Pacific/Apia", date: "2011-12-31", hours: 24),
        ]
    }

    /// What Foundation's clock reads at each minute of some days, from which everything is counted by hand.
    private struct MinuteClock {
        let first: Int64
        let local: [Int64]

        init(_ zone: TimeZone, around day: Int) {
            first = Int64(day - 3) * Milliseconds.day
            local = (0..<7 * 1440).map { [first] minute in
                let at = first + minute * Milliseconds.minute
                return at + Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(at / 1000)))) * 1000
            }
        }

        func at(_ minute: Int) -> Int64 { first + Int64(minute) * Milliseconds.minute }

        func firstMinute(where isMeant: (Int64) -> Bool) -> Int64? { local.firstIndex(where: isMeant).map(at) }
    }

    private func rules(_ zone: String) throws -> (rules: ZoneRules, clock: TimeZone) {
        let rules = try #require(FoundationZoneSource().rules(of: zone), "\(zone) is unknown")
        return (rules, try #require(TimeZone(identifier: zone)))
    }

    @Test("give days the length they had", arguments: Watched.all)
    func dayLengths(watched: Watched) throws {
        let (rules, _) = try rules(watched.zone)
        let day = Int(try #require(LocalDate(watched.date)).dayNumber)
        #expect(rules.start(ofDay: day + 1) - rules.start(ofDay: day) == Int64(watched.hours * 3_600_000))
    }

    @Test("begin days where a clock that is watched first reads midnight or later", arguments: Watched.all)
    func dayStarts(watched: Watched) throws {
        let (rules, clock) = try rules(watched.zone)
        let day = Int(try #require(LocalDate(watched.date)).dayNumber)
        let minutes = MinuteClock(clock, around: day)
        for near in day - 1...day + 2 {
            let midnight = Int64(near) * Milliseconds.day
            #expect(rules.start(ofDay: near) == minutes.firstMinute { $0 >= midnight })
        }
        var current = rules.day(at: minutes.at(1440))
        for minute in 1440..<6 * 1440 {
            let at = minutes.at(minute)
            while rules.start(ofDay: current + 1) <= at { current += 1 }
            #expect(rules.day(at: at) == current)
            #expect(rules.day(at: at + 59_999) == current)
        }
    }

    @Test("cut hours where a clock that is watched reads a full hour", arguments: Watched.all)
    func hours(watched: Watched) throws {
        let (rules, clock) = try rules(watched.zone)
        let minutes = MinuteClock(clock, around: Int(try #require(LocalDate(watched.date)).dayNumber))
        let full = minutes.local.indices.filter { minutes.local[$0] % Milliseconds.hour == 0 }.map(minutes.at)
        var next = 0
        for minute in 1440..<6 * 1440 {
            let at = minutes.at(minute)
            while full[next] <= at { next += 1 }
            for instant in [at, at + 1, at + 59_999] {
                #expect(rules.hourStart(at: instant) == full[next - 1])
                #expect(rules.nextHour(after: instant) == full[next])
            }
            #expect(rules.offset(at: at) == minutes.local[minute] - at)
        }
    }

    @Test("resolve what a clock that is watched reads never, once or twice", arguments: Watched.all)
    func resolutions(watched: Watched) throws {
        let (rules, clock) = try rules(watched.zone)
        let day = Int(try #require(LocalDate(watched.date)).dayNumber)
        let minutes = MinuteClock(clock, around: day)
        var seen: [Int64: [Int64]] = [:]
        for (minute, local) in minutes.local.enumerated() { seen[local, default: []].append(minutes.at(minute)) }
        for minute in -720..<2880 {
            let local = Int64(day) * Milliseconds.day + Int64(minute) * Milliseconds.minute
            let expected: ZoneRules.Resolution
            switch seen[local, default: []] {
            case let found where found.isEmpty: expected = .skipped
            case let found where found.count == 1: expected = .once(found[0])
            case let found: expected = .twice(first: found[0], second: found[1])
            }
            #expect(rules.instants(ofLocal: local) == expected)
        }
    }

    @Test("tell the days that the examples of the semantics speak of")
    func examples() throws {
        func start(_ zone: String, _ date: String) throws -> String {
            let day = Int(try #require(LocalDate(date)).dayNumber)
            return Instant(milliseconds: try rules(zone).rules.start(ofDay: day)).rfc3339
        }
        // A midnight that never was: the first instant after the skip.
        #expect(try start("America/Sao_Paulo", "2018-11-04") == "2018-11-04T03:00:00Z")
        // A midnight that came twice: the first.
        #expect(try start("America/Havana", "2025-11-02") == "2025-11-02T04:00:00Z")
        // A day that never was begins where the next one does.
        #expect(try start("Pacific/Apia", "2011-12-30") == start("Pacific/Apia", "2011-12-31"))
        let apia = try rules("Pacific/Apia").rules
        #expect(LocalDate(dayNumber: Int32(apia.day(at: apia.start(ofDay: 15_338)))).description == "2011-12-31")
        #expect(try start("Asia/Kolkata", "2026-01-01") == "2025-12-31T18:30:00Z")
        #expect(try start("UTC", "2026-01-01") == "2026-01-01T00:00:00Z")
    }

    @Test("hold outside the tabulated days too")
    func untabulated() throws {
        let (rules, _) = try rules("America/New_York")
        for day in [ZoneRules.tabulatedDays.lowerBound - 400, ZoneRules.tabulatedDays.upperBound + 400] {
            let start = rules.start(ofDay: day)
            #expect(rules.day(at: start) == day && rules.day(at: start - 1) == day - 1)
            #expect((start + rules.offset(at: start)) == Int64(day) * Milliseconds.day)
        }
    }

    @Test(
        "are those of a name in the database, and of no other",
        arguments: [
            "", "EST+5", "GMT+0130", "PST", "IST", "SystemV/EST5", "Etc/Unknown", "Europe/Bärlin", "Asia/Nowhere",
            "europe/berlin", "Asia/", "posix/Europe/Berlin",
        ]
    )
    func unknown(name: String) {
        #expect(FoundationZoneSource().rules(of: name) == nil)
    }

    @Test(
        "are known under today's names and the former ones",
        arguments: [
            "Asia/Kolkata", "Asia/Calcutta", "Asia/Kathmandu", "Asia/Ho_Chi_Minh", "Europe/Kyiv", "Europe/Kiev",
            "America/Argentina/Buenos_Aires", "Asia/Yangon", "Etc/UTC", "UTC", "US/Eastern", "Asia/Shanghai", "PRC",
            "Japan",
            "Etc/GMT+5", "EST5EDT", "GMT",
        ]
    )
    func names(name: String) {
        #expect(FoundationZoneSource().rules(of: name)?.name == name)
    }
}
