import Billing
import MeterModel
package import ReadModel

extension ViewProjector {
    /// Holds what the views add up to against the readings and rules of the fold.
    ///
    /// - Parameter views: an audit of views at the projector's position.
    /// - Returns: where a conservation law does not hold, the views' own findings first.
    package func findings(against views: ViewAudit) -> [LawFinding] {
        var audit = LawAudit(fold: fold, views: views)
        audit.run()
        return views.findings + audit.findings
    }
}

/// One look at every series and device of a fold beside the views.
private struct LawAudit {
    let fold: Fold
    let views: ViewAudit
    var findings: [LawFinding] = []

    mutating func run() {
        for index in fold.series.indices { check(series: UInt32(index)) }
        for index in views.series.keys.sorted() where Int(index) >= fold.series.count {
            findings.append(
                LawFinding(
                    .buckets,
                    device: "number \(index)",
                    subject: "series \(index)",
                    expected: "no rows of a series that the log does not know",
                    found: "some"
                )
            )
        }
        for device in fold.devices { check(device) }
    }

    // MARK: Series

    private mutating func check(series index: UInt32) {
        let series = fold.series[Int(index)]
        let device = fold.owners[Int(index)]
        let register = fold.registers[Int(index)].text
        func finding(_ law: ConservationLaw, _ subject: String, _ expected: String, _ found: String) -> LawFinding {
            LawFinding(
                law,
                device: device.name,
                subject: "register \(register), \(subject)",
                expected: expected,
                found: found
            )
        }
        var total = ViewAudit.Total()
        var sums = Array(repeating: CountedSum(), count: series.segments.count)
        series.forEachInterval(from: Int64.min, to: Int64.max) { interval in
            total.quantity += Int128(interval.quantity)
            if interval.end - interval.start > device.declaration.gapAfter {
                total.estimated += Int128(interval.quantity)
            }
            sums[series.segments.segment(at: interval.start)].add(Int128(interval.quantity))
        }
        for (segment, (expected, found)) in zip(series.expectedSums(), sums).enumerated() {
            let thousandths = series.segments.factors(ofSegment: segment).thousandths
            if expected.count != found.count {
                let subject = "count of intervals of meter \(segment + 1)"
                findings.append(finding(.registers, subject, "\(expected.count)", "\(found.count)"))
            } else if !expected.gives(found, thousandths: thousandths) {
                let subject = "last less first of meter \(segment + 1) against its intervals"
                let factor = thousandths == 1000 ? "" : " x \(decimalText(Int128(thousandths), fractionDigits: 3))"
                findings.append(finding(.registers, subject, shown(expected.sum) + factor, shown(found.sum)))
            }
        }
        let shownTotals = views.series[index] ?? ViewAudit.SeriesTotals()
        var tables = [("days", shownTotals.days), ("months", shownTotals.months)]
        if views.meta.hoursAreOn { tables.insert(("hours", shownTotals.hours), at: 0) }
        for (table, found) in tables {
            if found.quantity != total.quantity {
                findings.append(finding(.buckets, "sum of \(table)", shown(total.quantity), shown(found.quantity)))
            }
            if found.estimated != total.estimated {
                let subject = "estimated part of \(table)"
                findings.append(finding(.buckets, subject, shown(total.estimated), shown(found.estimated)))
            }
        }
        for anomaly in series.anomalies() {
            let named = ViewAudit.NamedAnomaly(series: index, at: anomaly.at.milliseconds, kind: anomaly.kind)
            guard !views.anomalies.contains(named) else { continue }
            let subject = "reading at position \(anomaly.position.rawValue)"
            findings.append(finding(.naming, subject, "an anomaly '\(anomaly.kind.rawValue)'", "none"))
        }
    }

    private func shown(_ quantity: Int128) -> String { decimalText(quantity, fractionDigits: 6) }

    // MARK: Devices

    /// A rule has an open episode at or below its level, and none above the level at which it is armed again.
    private mutating func check(_ device: DeviceFold) {
        func finding(_ law: ConservationLaw, _ subject: String, _ expected: String, _ found: String) -> LawFinding {
            LawFinding(law, device: device.name, subject: subject, expected: expected, found: found)
        }
        let balance = views.balances[device.index]
        // Where a tariff's publication was given up its currency is not known, and there is no row.
        let hasBalance = device.hasBalance && device.currency != nil
        if (balance != nil) != hasBalance {
            let words = (hasBalance ? "one" : "none without a tariff", balance == nil ? "none" : "one")
            findings.append(finding(.ledger, "balance", words.0, words.1))
        }
        guard let balance else { return }
        var open = views.openRules[device.index] ?? []
        for rule in device.alerts.levels {
            let isOpen = open.remove(rule.name) != nil
            let subject = "open episode of \(rule.name.text) at a balance of \(balance.exactText)"
            if balance <= rule.level, !isOpen {
                findings.append(finding(.episodes, subject, "one at or below \(rule.level.exactText)", "none"))
            }
            if balance > rule.rearm, isOpen {
                findings.append(finding(.episodes, subject, "none above \(rule.rearm.exactText)", "one"))
            }
        }
        for rule in open.sorted() {
            findings.append(finding(.episodes, "open episode of \(rule.text)", "none of a rule that is not set", "one"))
        }
    }
}

/// A sum with how many terms it has.
struct CountedSum: Equatable {
    var sum: Int128 = 0
    var count = 0

    mutating func add(_ term: Int128) {
        sum += term
        count += 1
    }

    /// Whether intervals that count `self` on the dial may have these quantities: each was rounded once.
    func gives(_ quantities: CountedSum, thousandths: Int64) -> Bool {
        if thousandths == 1000 { return sum == quantities.sum }
        let difference = sum * Int128(thousandths) - quantities.sum * 1000
        return difference.magnitude <= Int128(500 * quantities.count).magnitude
    }
}

extension SeriesFold {
    /// What the intervals of each meter must sum to by the register's own count: last less first of what stands, a full
    /// turn of the dial for each wrap, and without the steps that are named as not counted.
    func expectedSums() -> [CountedSum] {
        var sums = Array(repeating: CountedSum(), count: segments.count)
        if kind == .interval {
            let intervals = intervals
            for i in 0..<intervals.entries.count {
                let entry = intervals.entries[i]
                let segment = segments.segment(at: entry.start)
                guard entry.stands, segments.quantity(delta: entry.value, segment: segment) != nil else { continue }
                sums[segment].add(Int128(entry.value))
            }
            return sums
        }
        var segment = 0
        var first: SeriesEntry?
        var last: SeriesEntry?
        func finish() {
            if let first, let last { sums[segment].sum += Int128(last.value) - Int128(first.value) }
        }
        for i in 0..<register.entries.count {
            let entry = register.entries[i]
            guard entry.status.isBaseline else { continue }
            if entry.role == .exchangeInitial {
                finish()
                segment = segments.segment(at: entry.at)
                first = nil
                last = nil
            }
            if let last {
                if !entry.status.hasInterval {
                    sums[segment].sum -= Int128(entry.value) - Int128(last.value)
                } else {
                    sums[segment].count += 1
                    if entry.status == .wrap {
                        sums[segment].sum += Int128(segments.factors(ofSegment: segment).modulus ?? 0)
                    }
                }
            }
            first = first ?? entry
            last = entry
        }
        finish()
        return sums
    }
}
