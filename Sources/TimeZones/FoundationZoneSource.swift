import Foundation
package import MeterModel
import Synchronization

/// Zone rules as this toolchain's Foundation knows them, read into tables on first use.
package final class FoundationZoneSource: ZoneSource {
    private let known = Mutex<[String: ZoneRules]>([:])

    package init() {}

    /// What Foundation says its time-zone database is.
    package var version: String { "foundation-\(TimeZone.timeZoneDataVersion)" }

    package func rules(of name: String) -> ZoneRules? {
        if name == "UTC" { return .utc }
        return known.withLock { known in
            if let rules = known[name] { return rules }
            guard FoundationZoneSource.isIANAName(name), let zone = TimeZone(identifier: name) else { return nil }
            let rules = FoundationZoneSource.read(zone, name: name)
            known[name] = rules
            return rules
        }
    }

    /// Foundation also takes abbreviations (`PST`) and offsets (`GMT+0130`), and the list it gives lacks many names of
    /// the database, `Asia/Kolkata` among them. A zone here is a name with one of the database's regions, or one of its
    /// words.
    private static func isIANAName(_ name: String) -> Bool {
        if words.contains(name) { return true }
        guard let slash = name.firstIndex(of: "/") else { return false }
        return regions.contains(String(name[..<slash]))
    }

    private static let regions: Set<String> = [
        "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Brazil", "Canada", "Chile",
        "Etc", "Europe", "Indian", "Mexico", "Pacific", "US",
    ]

    private static let words: Set<String> = [
        "CET", "CST6CDT", "Cuba", "EET", "EST", "EST5EDT", "Egypt", "Eire", "GB", "GB-Eire", "GMT", "GMT+0", "GMT-0",
        "GMT0", "Greenwich", "HST", "Hongkong", "Iceland", "Iran", "Israel", "Jamaica", "Japan", "Kwajalein", "Libya",
        "MET", "MST", "MST7MDT", "NZ", "NZ-CHAT", "Navajo", "PRC", "PST8PDT", "Poland", "Portugal", "ROC", "ROK",
        "Singapore", "Turkey", "UCT", "UTC", "Universal", "W-SU", "WET", "Zulu",
    ]

    /// Looks at the offset once a day and finds each change to the millisecond by bisection.
    private static func read(_ zone: TimeZone, name: String) -> ZoneRules {
        func offset(_ second: Int64) -> Int32 {
            Int32(zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(second))))
        }
        let firstSecond = Int64(ZoneRules.tabulatedDays.lowerBound - 1) * 86_400
        let lastSecond = Int64(ZoneRules.tabulatedDays.upperBound) * 86_400
        let initial = offset(firstSecond)
        var transitions: [(at: Int64, offsetSeconds: Int32)] = []
        var current = initial
        var second = firstSecond
        while second < lastSecond {
            let next = second + 86_400
            let there = offset(next)
            if there != current {
                var low = second
                var high = next
                while high - low > 1 {
                    let middle = (low + high) / 2
                    if offset(middle) == current { low = middle } else { high = middle }
                }
                transitions.append((high * 1000, offset(high)))
                current = there
            }
            second = next
        }
        return ZoneRules(name: name, transitions: transitions, initialOffsetSeconds: initial)
    }
}
