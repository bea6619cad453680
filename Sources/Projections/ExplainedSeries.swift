import Billing
import MeterModel

/// What stands of one series, told interval by interval, and what does not, with why.
struct ExplainedSeries {
    let series: SeriesFold
    let unit: Unit?
    let gapAfter: Int64
    let remarks: EventRemarks
    let clock: ExplanationClock

    init(_ series: SeriesFold, zone: ZoneRules, unit: Unit?, gapAfter: Int64, remarks: EventRemarks) {
        self.series = series
        self.unit = unit
        self.gapAfter = gapAfter
        self.remarks = remarks
        clock = ExplanationClock(zone)
    }

    /// Intervals ascending, and notices by their time.
    func explain() -> (intervals: [ExplainedInterval], notices: [ExplainedNotice]) {
        var intervals: [ExplainedInterval] = []
        var notices: [ExplainedNotice] = []
        if series.kind == .interval {
            walkIntervals(&intervals, &notices)
        } else {
            walkRegister(&intervals, &notices)
            noteInstants(&notices)
        }
        noteMixed(&notices)
        notices.sort { a, b in (a.at, a.position, a.kind.rawValue) < (b.at, b.position, b.kind.rawValue) }
        return (intervals, notices)
    }

    private func shown(_ milli: Int64) -> String { shownQuantity(Int128(milli), unit) }

    private func note(
        _ kind: ExplainedNotice.Kind,
        _ at: Int64,
        _ position: UInt64,
        _ value: Int64?,
        _ text: String
    ) -> ExplainedNotice {
        ExplainedNotice(
            kind: kind,
            at: Instant(milliseconds: at),
            position: Position(position),
            valueMilli: value,
            text: text
        )
    }

    /// "The reading of 5 kWh on 2026-03-01 08:00 (no. 7)"
    private func named(_ value: Int64, _ at: Int64, _ position: UInt64) -> String {
        "The reading of \(shown(value)) on \(clock.dateTime(Instant(milliseconds: at))) (no. \(position))"
    }

    private func multiplied(_ delta: Int64, segment: Int) -> (multiplier: ExactDecimal, unrounded: ExactDecimal?) {
        let thousandths = Int128(series.segments.factors(ofSegment: segment).thousandths)
        let product = Int128(delta) * thousandths
        return (
            ExactDecimal(thousandths, fractionDigits: 3),
            product % 1000 == 0 ? nil : ExactDecimal(product, fractionDigits: 9)
        )
    }

    // MARK: Register readings

    private func walkRegister(_ intervals: inout [ExplainedInterval], _ notices: inout [ExplainedNotice]) {
        let register = series.register
        var before: SeriesEntry?
        for i in 0..<register.entries.count {
            let entry = register.entries[i]
            guard entry.status.isBaseline else {
                notices.append(setAside(entry))
                continue
            }
            if let before {
                if let interval = register.interval(from: before, to: entry) {
                    intervals.append(explained(interval, from: before, to: entry))
                } else if entry.status != .first {
                    notices.append(uncounted(from: before, to: entry))
                }
            }
            before = entry
        }
    }

    private func explained(_ interval: MeteredInterval, from before: SeriesEntry, to entry: SeriesEntry)
        -> ExplainedInterval
    {
        let segment = series.segments.segment(at: before.at)
        let modulus = entry.status == .wrap ? series.segments.factors(ofSegment: segment).modulus : nil
        let delta = entry.value - before.value + (modulus ?? 0)
        let (multiplier, unrounded) = multiplied(delta, segment: segment)
        return ExplainedInterval(
            start: Instant(milliseconds: interval.start),
            end: Instant(milliseconds: interval.end),
            from: reading(before),
            to: reading(entry),
            deltaMilli: delta,
            wrapModulusMilli: modulus,
            multiplier: multiplier,
            unroundedQuantity: unrounded,
            quantityMilli: interval.quantity,
            isEstimated: interval.end - interval.start > gapAfter
        )
    }

    private func reading(_ entry: SeriesEntry) -> ExplainedReading {
        let ruling = series.instants[entry.at]?.ruling
        let origin: ExplainedReading.Origin =
            switch entry.role {
            case .exchangeFinal: .exchangeFinal
            case .exchangeInitial: .exchangeInitial
            case .reading: ruling?.value != nil && ruling?.position == entry.position ? .correction : .reading
            }
        return ExplainedReading(
            at: Instant(milliseconds: entry.at),
            valueMilli: entry.value,
            position: Position(entry.position),
            origin: origin,
            quality: entry.quality,
            reason: origin == .correction ? remarks.reasons[entry.position] : nil
        )
    }

    private func setAside(_ entry: SeriesEntry) -> ExplainedNotice {
        let name = named(entry.value, entry.at, entry.position)
        switch entry.status {
        case .dip, .dipRest:
            return note(
                .dip,
                entry.at,
                entry.position,
                entry.value,
                "\(name) is set aside: it lies below a value to which the meter came back within 48 h."
            )
        case .spike, .spikeRest:
            return note(
                .spike,
                entry.at,
                entry.position,
                entry.value,
                "\(name) is set aside: it stands above what was read before it and after it."
            )
        default:
            return note(
                .held,
                entry.at,
                entry.position,
                entry.value,
                "\(name) is held, and nothing is counted or charged for it yet: the meter reads less than before, and "
                    + "later readings must show whether it began again or was misread."
            )
        }
    }

    private func uncounted(from before: SeriesEntry, to entry: SeriesEntry) -> ExplainedNotice {
        let span =
            "between the reading of \(shown(before.value)) on \(clock.dateTime(Instant(milliseconds: before.at))) "
            + "(no. \(before.position)) and the reading of \(shown(entry.value)) on "
            + "\(clock.dateTime(Instant(milliseconds: entry.at))) (no. \(entry.position))"
        let kind: ExplainedNotice.Kind
        let why: String
        switch entry.status {
        case .reset:
            kind = .reset
            why = "the meter began again from a lower value"
        case .tooLong, .tooLongWrap:
            kind = .tooLong
            why = "more than 400 days lie between them"
        default:
            kind = .implausible
            why = "it would be more than can have been used in that time"
        }
        return note(kind, entry.at, entry.position, entry.value, "Nothing is counted \(span): \(why).")
    }

    // MARK: What was overruled at an instant

    private func noteInstants(_ notices: inout [ExplainedNotice]) {
        for (instant, record) in series.instants {
            let exchange = series.segments.exchange(at: instant)
            let standing = record.candidates.standing
            for candidate in record.candidates.values {
                let name = named(candidate.value, instant, candidate.position)
                func add(_ kind: ExplainedNotice.Kind, _ text: String) {
                    notices.append(note(kind, instant, candidate.position, candidate.value, "\(name) \(text)"))
                }
                if let exchange {
                    guard candidate.value != exchange.finalValue else { continue }
                    add(
                        .conflict,
                        "is set aside: the meter was exchanged then (no. \(exchange.position)), and the old meter's "
                            + "final value \(shown(exchange.finalValue)) stands."
                    )
                } else if let ruling = record.ruling {
                    let reason = remarks.reasons[ruling.position].map { ": \($0)" } ?? ""
                    if let value = ruling.value {
                        guard candidate.value != value else { continue }
                        add(.replaced, "was corrected to \(shown(value)) (no. \(ruling.position))\(reason).")
                    } else {
                        add(.voided, "was declared void (no. \(ruling.position))\(reason).")
                    }
                } else if let standing, candidate.value != standing.value {
                    add(.conflict, "is set aside: \(outvoted(candidate, by: standing)).")
                }
            }
        }
    }

    private func outvoted(_ candidate: ReadingCandidates.Candidate, by standing: ReadingCandidates.Candidate) -> String
    {
        let other = "for the same time \(shown(standing.value)) (no. \(standing.position)) was told, which stands"
        return candidate.quality == standing.quality
            ? "\(other) because it is the lower of two values that are both \(standing.quality.name)"
            : "\(other) because it is \(standing.quality.name), this one \(candidate.quality.name)"
    }

    // MARK: Interval readings

    private func walkIntervals(_ intervals: inout [ExplainedInterval], _ notices: inout [ExplainedNotice]) {
        let entries = series.intervals.entries
        for i in 0..<entries.count {
            let entry = entries[i]
            let name = named(entry.value, entry.start, entry.end, entry.position)
            guard entry.stands else {
                let text = "\(name) is set aside: it overlaps one that began before it and stands."
                notices.append(note(.overlap, entry.end, entry.position, entry.value, text))
                continue
            }
            guard let interval = series.intervals.interval(entry, series.segments) else {
                let text = "Nothing is counted of it: \(name) comes to more than can have been used."
                notices.append(note(.implausible, entry.end, entry.position, entry.value, text))
                continue
            }
            let (multiplier, unrounded) = multiplied(entry.value, segment: series.segments.segment(at: entry.start))
            intervals.append(
                ExplainedInterval(
                    start: Instant(milliseconds: entry.start),
                    end: Instant(milliseconds: entry.end),
                    from: nil,
                    to: ExplainedReading(
                        at: Instant(milliseconds: entry.end),
                        valueMilli: entry.value,
                        position: Position(entry.position),
                        origin: .reading,
                        quality: Quality(rawValue: entry.quality) ?? .measured
                    ),
                    deltaMilli: entry.value,
                    multiplier: multiplier,
                    unroundedQuantity: unrounded,
                    quantityMilli: interval.quantity,
                    isEstimated: entry.end - entry.start > gapAfter
                )
            )
        }
        for (key, candidates) in series.intervals.contested {
            guard let standing = candidates.standing else { continue }
            for candidate in candidates.values where candidate.value != standing.value {
                let name = named(candidate.value, key.start, key.end, candidate.position)
                let text = "\(name) is set aside: \(outvoted(candidate, by: standing))."
                notices.append(note(.conflict, key.end, candidate.position, candidate.value, text))
            }
        }
    }

    /// "The interval reading of 5 m3 from 2026-03-01 08:00 to 2026-03-01 09:00 (no. 7)"
    private func named(_ value: Int64, _ start: Int64, _ end: Int64, _ position: UInt64) -> String {
        let span = [start, end].map { clock.dateTime(Instant(milliseconds: $0)) }.joined(separator: " to ")
        return "The interval reading of \(shown(value)) from \(span) (no. \(position))"
    }

    private func noteMixed(_ notices: inout [ExplainedNotice]) {
        guard let mixed = series.firstMixed else { return }
        let kinds = ["register readings", "interval readings"]
        let (counted, other) = series.kind == .interval ? (kinds[1], kinds[0]) : (kinds[0], kinds[1])
        let text =
            "Since no. \(mixed.position) \(other) came too; they are set aside, for the first reading of this register "
            + "decided that \(counted) count."
        notices.append(note(.mixedKind, mixed.at, mixed.position, nil, text))
    }
}
