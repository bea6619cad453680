import Foundation
import MeterModel
import Testing
import TimeZones

@testable import Projections
@testable import meterfold

/// Which midnights are due.
struct DayTurnerTests {
    private static let source = FoundationZoneSource()

    private func instant(_ text: String) throws -> Instant {
        Instant(milliseconds: Int64(try Date(text, strategy: .iso8601).timeIntervalSince1970 * 1000))
    }

    private func zone(_ name: String, lastTurnedAt: Instant? = nil) throws -> ZoneInUse {
        ZoneInUse(rules: try #require(Self.source.rules(of: name)), lastTurnedAt: lastTurnedAt)
    }

    private func due(_ zones: [ZoneInUse], _ now: Instant) -> [String] {
        DayTurner.due(zones, now: now).events.map { "\($0.at.rfc3339) \($0.timezone)" }
    }

    @Test func `A zone begins with the midnight before now, and is due again with the next`() throws {
        let now = try instant("2026-03-10T12:00:00Z")
        let (events, next) = DayTurner.due([try zone("UTC")], now: now)
        let midnight = try instant("2026-03-10T00:00:00Z")
        #expect(events.map(\.at) == [midnight])
        #expect(next == (try instant("2026-03-11T00:00:00Z")).milliseconds)
        #expect(due([try zone("UTC", lastTurnedAt: midnight)], now) == [])
        let turned = try instant("2026-03-11T00:00:00Z")
        #expect(DayTurner.due([try zone("UTC", lastTurnedAt: midnight)], now: turned).events.map(\.at) == [turned])
        #expect(DayTurner.due([], now: now).events.isEmpty)
    }

    @Test func `Missed midnights of several zones come in order of time`() throws {
        let zones = [
            try zone("Europe/Berlin", lastTurnedAt: instant("2026-01-09T23:00:00Z")),
            try zone("Asia/Kolkata", lastTurnedAt: instant("2026-01-10T18:30:00Z")),
            try zone("UTC", lastTurnedAt: instant("2026-01-11T00:00:00Z")),
        ]
        let (events, next) = DayTurner.due(zones, now: try instant("2026-01-12T20:00:00Z"))
        #expect(
            events.map { "\($0.at.rfc3339) \($0.timezone)" } == [
                "2026-01-10T23:00:00Z Europe/Berlin", "2026-01-11T18:30:00Z Asia/Kolkata",
                "2026-01-11T23:00:00Z Europe/Berlin", "2026-01-12T00:00:00Z UTC",
                "2026-01-12T18:30:00Z Asia/Kolkata",
            ]
        )
        #expect(next == (try instant("2026-01-12T23:00:00Z")).milliseconds)
    }

    @Test func `Days on which clocks change have one beginning`() throws {
        // 23 and 25 hours in Berlin; a midnight that does not exist in Cairo; a date that does not exist in Apia.
        let berlin = try zone("Europe/Berlin", lastTurnedAt: instant("2026-03-27T23:00:00Z"))
        #expect(
            due([berlin], try instant("2026-03-30T12:00:00Z")) == [
                "2026-03-28T23:00:00Z Europe/Berlin", "2026-03-29T22:00:00Z Europe/Berlin",
            ]
        )
        let autumn = try zone("Europe/Berlin", lastTurnedAt: instant("2026-10-23T22:00:00Z"))
        #expect(
            due([autumn], try instant("2026-10-26T12:00:00Z")) == [
                "2026-10-24T22:00:00Z Europe/Berlin", "2026-10-25T23:00:00Z Europe/Berlin",
            ]
        )
        let cairo = try zone("Africa/Cairo", lastTurnedAt: instant("2024-04-24T22:00:00Z"))
        #expect(
            due([cairo], try instant("2024-04-26T23:00:00Z")) == [
                "2024-04-25T22:00:00Z Africa/Cairo", "2024-04-26T21:00:00Z Africa/Cairo",
            ]
        )
    }

    @Test func `Looking again and again, none is told twice and none is left out`() throws {
        for name in ["Europe/Berlin", "Pacific/Apia", "Africa/Cairo", "Australia/Lord_Howe", "America/Sao_Paulo"] {
            var last: Instant?
            var told: [Int64] = []
            var now = try instant("2011-12-20T05:00:00Z")
            let end = try instant("2012-03-01T00:00:00Z")
            var step: Int64 = 1
            while now < end {
                let events = DayTurner.due([try zone(name, lastTurnedAt: last)], now: now).events
                for event in events {
                    #expect(event.at <= now && event.timezone == name)
                    told.append(event.at.milliseconds)
                    last = event.at
                }
                step = step % 31 + 7
                now.milliseconds += step * 3_600_000
            }
            #expect(zip(told, told.dropFirst()).allSatisfy { $0 < $1 }, "\(name)")
            let rules = try #require(Self.source.rules(of: name))
            let days = told.map { rules.day(at: $0) }
            #expect(told == days.map { rules.start(ofDay: $0) })
            // A day that a zone leaves out has no midnight of its own.
            let gaps = zip(days, days.dropFirst()).filter { $1 - $0 != 1 }.count
            #expect(gaps <= (name == "Pacific/Apia" ? 1 : 0), "\(name)")
            #expect(days.count >= 68)
        }
    }

    @Test func `A clock set back tells nothing, and a long downtime is told in parts`() throws {
        let ahead = try zone("UTC", lastTurnedAt: instant("2026-05-01T00:00:00Z"))
        #expect(due([ahead], try instant("2026-04-01T12:00:00Z")) == [])
        let now = try instant("2026-05-01T12:00:00Z")
        var last = try instant("2018-05-01T00:00:00Z")
        var told: [Instant] = []
        while true {
            let (events, next) = DayTurner.due([try zone("UTC", lastTurnedAt: last)], now: now)
            #expect(events.count <= DayTurner.maximumEventCount)
            told += events.map(\.at)
            guard let newest = events.last?.at else { break }
            // Where something is left it is to look again at once.
            #expect((next <= now.milliseconds) == (newest < (try instant("2026-05-01T00:00:00Z"))))
            last = newest
        }
        #expect(told.count == 2922 && told == told.sorted() && Set(told).count == told.count)
    }
}
