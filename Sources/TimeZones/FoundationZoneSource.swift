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

    /// Foundation also takes names such as `GMT+0130` or `EST`; a zone here is one of its known identifiers.
    private static func isIANAName(_ name: String) -> Bool {
        identifiers.contains(name)
    }

    private static let identifiers = Set(TimeZone.knownTimeZoneIdentifiers).union(["Etc/UTC", "GMT", "Etc/GMT"])

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
