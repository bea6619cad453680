import MeterModel
import ReadModel

extension SeriesFold {
    /// All anomalies of the series, in no particular order (semantics, sections 2 and 3).
    func anomalies() -> [AnomalyRow] {
        var rows: [AnomalyRow] = []
        if let firstMixed {
            let detail =
                kind == .interval
                ? "a register reading in a series of intervals is set aside"
                : "an interval reading in a series of register readings is set aside"
            rows.append(row(.mixedKind, firstMixed.at, firstMixed.position, detail))
        }
        if kind == .interval { appendIntervalAnomalies(&rows) } else { appendRegisterAnomalies(&rows) }
        return rows
    }

    private func row(
        _ kind: AnomalyKind,
        _ at: Int64,
        _ position: UInt64,
        _ detail: String,
        open: Bool = false
    ) -> AnomalyRow {
        AnomalyRow(
            kind: kind,
            at: Instant(milliseconds: at),
            position: Position(position),
            detail: detail,
            open: open
        )
    }

    private func appendIntervalAnomalies(_ rows: inout [AnomalyRow]) {
        let intervals = intervals
        for (key, candidates) in intervals.contested {
            appendConflicts(candidates, standing: candidates.standing?.value, at: key.end, &rows)
        }
        for i in 0..<intervals.entries.count {
            let entry = intervals.entries[i]
            if !entry.stands {
                rows.append(row(.overlap, entry.end, entry.position, "overlaps the interval that began before it"))
            } else if intervals.interval(entry, segments) == nil {
                rows.append(row(.implausible, entry.end, entry.position, "the quantity exceeds 10^15"))
            }
        }
    }

    private func appendConflicts(
        _ candidates: ReadingCandidates,
        standing: Int64?,
        at instant: Int64,
        _ rows: inout [AnomalyRow]
    ) {
        for candidate in candidates.values where candidate.value != standing {
            let kept = standing.map { "; \(shown($0)) stands" } ?? ""
            rows.append(row(.conflict, instant, candidate.position, "\(shown(candidate.value)) is set aside\(kept)"))
        }
    }

    private func shown(_ value: Int64) -> String { decimalText(Int128(value), fractionDigits: 6) }

    private func appendRegisterAnomalies(_ rows: inout [AnomalyRow]) {
        for (instant, record) in instants {
            let final = segments.exchange(at: instant)?.finalValue
            // A correction or void ends a conflict, but has no say at an exchange.
            if record.ruling != nil, final == nil { continue }
            let standing = final ?? record.candidates.standing?.value
            appendConflicts(record.candidates, standing: standing, at: instant, &rows)
        }
        for instant in register.irregular {
            var i = register.lowerBound(at: instant)
            while i < register.entries.count, register.entries[i].at == instant {
                append(register.entries[i], &rows)
                i += 1
            }
        }
    }

    private func append(_ entry: SeriesEntry, _ rows: inout [AnomalyRow]) {
        func add(_ kind: AnomalyKind, _ detail: String, open: Bool = false) {
            rows.append(row(kind, entry.at, entry.position, detail, open: open))
        }
        let overModulus = "the register returned to 0 at its modulus; now \(shown(entry.value))"
        let afterTooLong = "more than 400 days since the reading before; nothing is counted"
        switch entry.status {
        case .wrap: add(.wrap, overModulus)
        case .reset: add(.reset, "began again at \(shown(entry.value)); nothing is counted over the drop")
        case .tooLong: add(.tooLong, afterTooLong)
        case .tooLongWrap:
            add(.wrap, overModulus)
            add(.tooLong, afterTooLong)
        case .implausible:
            add(.implausible, "more than can have been used since the reading before; nothing is counted")
        case .dip: add(.dip, "below a value to which the register came back; set aside")
        case .spike: add(.spike, "above what was read before and after; set aside")
        case .held: add(.suspectedReset, "a drop that later readings must explain", open: true)
        case .first, .interval, .dipRest, .spikeRest, .heldRest: break
        }
    }
}
