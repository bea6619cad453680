import Billing
import MeterModel

// The walk of semantics, section 3: from standing readings to baselines and intervals.
//
// A walk first decides (`decided`), while `entries` still tell what stood before, then compares and commits. It begins
// at a baseline that the change cannot reach and ends where nothing differs any more.

extension RegisterSeries {
    /// What was done to `entries` before the walk, so that what stood can be told.
    enum Edit {
        case inserted(Int)
        case replaced(Int, SeriesEntry)
        case removed(Int, SeriesEntry)
    }

    /// Rule 4: what a baseline becomes that follows another by `delta`.
    @inline(__always)
    func status(from before: SeriesEntry, at instant: Int64, delta: Int64, isWrap: Bool) -> EntryStatus {
        let elapsed = instant - before.at
        if elapsed > maximumIntervalMilliseconds { return isWrap ? .tooLongWrap : .tooLong }
        if segments.quantity(delta: delta, segment: segments.segment(at: before.at)) == nil
            || segments.exceedsMaxRate(delta: delta, elapsed: elapsed)
        {
            return .implausible
        }
        return isWrap ? .wrap : .interval
    }

    /// A late reading between two plain neighbours, with nothing irregular around: it only splits their interval.
    mutating func splitInPlace(_ i: Int, _ new: SeriesEntry, _ change: inout IntervalChange) -> Bool {
        guard i < entries.count, isCalm(around: new.at, reach: 2 * RegisterSeries.window) else { return false }
        var next = entries[i]
        guard next.status.isPlain, next.role == .reading, new.value <= next.value else { return false }
        var entry = new
        entry.status = .first
        guard status(from: entry, at: next.at, delta: next.value - new.value, isWrap: false) == .interval
        else { return false }
        if i == 0 {
            let hasIntervals = (1..<entries.count).contains { entries[$0].status.hasInterval }
            next.status = .interval
            entries[0] = next
            entries.insert(entry, at: 0)
            if let added = interval(from: entry, to: next) { change.added.append(added) }
            change.trim(reachesEnd: !hasIntervals)
            return true
        }
        let before = entries[i - 1]
        guard before.status.isBaseline, before.role != .exchangeFinal, next.status == .interval,
            new.value >= before.value,
            status(from: before, at: new.at, delta: new.value - before.value, isWrap: false) == .interval,
            let whole = interval(from: before, to: next)
        else { return false }
        entry.status = .interval
        entries.insert(entry, at: i)
        change.removed.append(whole)
        if let first = interval(from: before, to: entry) { change.added.append(first) }
        if let second = interval(from: entry, to: next) { change.added.append(second) }
        return true
    }

    /// Whether nothing out of the ordinary lies within `reach` of an instant.
    private func isCalm(around instant: Int64, reach: Int64) -> Bool {
        let i = irregularIndex(from: instant - reach)
        return i == irregular.count || irregular[i] > instant + reach
    }

    /// The index of the first irregular instant at or after one.
    private func irregularIndex(from instant: Int64) -> Int {
        var low = 0
        var high = irregular.count
        while low < high {
            let middle = (low + high) / 2
            if irregular[middle] < instant { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Walks again after an edit at `instant`; nil walks the whole series, `change.removed` then being told already.
    mutating func rewalk(after edit: Edit?, around instant: Int64?, _ change: inout IntervalChange) {
        let start = edit.flatMap { startBehindDecided($0) } ?? startBefore(edit, around: instant)
        let end = walk(after: start, settledAfter: instant.map { $0 + 2 * RegisterSeries.window })
        let startAt = start.map { entries[$0].at } ?? Int64.min
        let endAt = end == entries.count - 1 ? Int64.max : entries[end].at
        if let edit { collectFormer(edit, after: start, through: end, into: &change.removed) }

        let low = startAt == Int64.min ? 0 : irregularIndex(from: startAt + 1)
        let high = endAt == Int64.max ? irregular.count : irregularIndex(from: endAt + 1)
        var fresh: [Int64] = []
        let first = (start ?? -1) + 1
        for (offset, status) in decided.enumerated() {
            entries[first + offset].status = status
            if !status.isPlain { fresh.append(entries[first + offset].at) }
        }
        if low < high || !fresh.isEmpty {
            change.touchesAnomalies = true
            irregular.replaceSubrange(low..<high, with: fresh)
        }
        collect(after: start, through: end, into: &change.added)
        change.trim(reachesEnd: end == entries.count - 1)
    }

    /// A baseline that an edit cannot reach; nil: the beginning of the series.
    private func startBefore(_ edit: Edit?, around instant: Int64?) -> Int? {
        // What was decided up to 96 h before cannot depend on the edit: a drop looks 48 h ahead, a spike 48 h back.
        let earliest = instant.map { earliestUndecided(edit, around: $0) }
        return earliest.flatMap { baseline(upTo: lowerBound(at: $0 - 2 * RegisterSeries.window) - 1) }
    }

    /// The baseline from which a walk is to be made after a reading came that is later than all others; nil where that
    /// is not so plain. So a series that is all irregular does not cost 96 h of it for each reading.
    ///
    /// A later reading changes nothing that was decided but wraps, which are taken back where the register returns,
    /// and such baselines as one of the held tail, or the reading itself, outvotes: those above it, at most 48 h old.
    private func startBehindDecided(_ edit: Edit) -> Int? {
        let last = entries.count - 1
        guard case .inserted(last) = edit, !segments.hasModulus else { return nil }
        var lowest = entries[last].value
        var tail = last
        while tail > 0, entries[tail - 1].status.isHeld {
            tail -= 1
            lowest = min(lowest, entries[tail].value)
        }
        guard var start = baseline(upTo: tail - 1) else { return nil }
        let horizon = entries[tail].at - RegisterSeries.window
        var above = entries[start]
        while above.value > lowest, above.status != .first, let below = baseline(upTo: start - 1) {
            let entry = entries[below]
            if entry.value > above.value || entry.at < horizon { break }
            (start, above) = (below, entry)
        }
        return start
    }

    /// The first instant whose reading an edit may decide anew: the edit's own, but where it moves the end of the
    /// series that of the held tail which a later end resolves, or the new end up to which drops may be undecided
    /// again.
    private func earliestUndecided(_ edit: Edit?, around instant: Int64) -> Int64 {
        var earliest = instant
        var inserted: Int?
        switch edit {
        case .inserted(let i): inserted = i
        case .removed(let i, _) where i == entries.count: earliest = min(earliest, entries.last?.at ?? instant)
        default: break
        }
        var i = entries.count - 1
        while i >= 0 {
            if i != inserted {
                guard entries[i].status.isHeld else { break }
                earliest = min(earliest, entries[i].at)
            }
            i -= 1
        }
        return earliest
    }

    /// The intervals as they stood before an edit: statuses not yet committed, and the edit undone.
    private func collectFormer(
        _ edit: Edit,
        after start: Int?,
        through end: Int,
        into intervals: inout [MeteredInterval]
    ) {
        var before = start.map { entries[$0] }
        func take(_ entry: SeriesEntry, _ before: inout SeriesEntry?) {
            guard entry.status.isBaseline else { return }
            if let before, let interval = interval(from: before, to: entry) { intervals.append(interval) }
            before = entry
        }
        var i = (start ?? -1) + 1
        while i <= end {
            switch edit {
            case .inserted(let index) where index == i: break
            case .replaced(let index, let old) where index == i: take(old, &before)
            case .removed(let index, let old) where index == i:
                take(old, &before)
                take(entries[i], &before)
            default: take(entries[i], &before)
            }
            i += 1
        }
        if case .removed(let index, let old) = edit, index > end { take(old, &before) }
    }

    /// Decides from the baseline `start` on (nil: from the first entry), into `decided`.
    ///
    /// `settledAfter`: from when on the walk may end once nothing differed for 48 h; nil: never before the
    ///   end.
    /// - Returns: the index of the last entry decided.
    private mutating func walk(after start: Int?, settledAfter: Int64?) -> Int {
        decided.removeAll(keepingCapacity: true)
        restoreStack(upTo: start)
        let first = (start ?? -1) + 1
        var calmSince: Int64?
        var i = first
        while i < entries.count {
            let entry = entries[i]
            let next: Int
            if i == 0 || entry.role == .exchangeInitial {
                beginRun(i, .first)
                next = i + 1
            } else {
                next = step(i, first: first)
            }
            if let settledAfter, entry.at > settledAfter, next == i + 1, decided[i - first] == entry.status,
                entry.status == .interval
            {
                if let calmSince, entry.at - calmSince > RegisterSeries.window { return i }
                calmSince = calmSince ?? entry.at
            } else {
                calmSince = nil
            }
            i = next
        }
        return entries.count - 1
    }

    /// The baselines of the run up to `start`, as far back as a later drop may look.
    private mutating func restoreStack(upTo start: Int?) {
        stack.removeAll(keepingCapacity: true)
        guard let start else { return }
        let horizon = entries[start].at - RegisterSeries.window
        var i = start
        var above = entries[start]
        stack.append(start)
        while above.status != .first, let j = baseline(upTo: i - 1) {
            let entry = entries[j]
            if entry.value > above.value || entry.at < horizon { break }
            stack.append(j)
            above = entry
            i = j
        }
        stack.reverse()
    }

    private mutating func beginRun(_ i: Int, _ status: EntryStatus) {
        decided.append(status)
        stack.removeAll(keepingCapacity: true)
        stack.append(i)
    }

    /// Takes the entry `i` against the last baseline.
    ///
    /// - Returns: the index of the entry to take next.
    private mutating func step(_ i: Int, first: Int) -> Int {
        let reading = entries[i]
        let base = entries[stack[stack.count - 1]]
        if reading.value >= base.value {
            decided.append(status(from: base, at: reading.at, delta: reading.value - base.value, isWrap: false))
            stack.append(i)
            return i + 1
        }
        let segmentEnd = self.segmentEnd(from: i)
        let isDecidable = segmentEnd != nil || (entries.last?.at ?? reading.at) > reading.at + RegisterSeries.window
        let outvoted = baselinesAbove(reading)
        switch returns(after: i, to: base.value, within: outvoted ?? Int.max, upTo: segmentEnd ?? entries.count - 1) {
        case .at(let j):
            for k in i..<j { decided.append(k == i ? .dip : .dipRest) }
            decided.append(status(from: base, at: entries[j].at, delta: entries[j].value - base.value, isWrap: false))
            stack.append(j)
            return j + 1
        case .never(let seen):
            if let outvoted {
                guard isDecidable || seen == outvoted else { return hold(i) }
                for k in 0..<outvoted {
                    decided[stack.removeLast() - first] = k == outvoted - 1 ? .spike : .spikeRest
                }
                let before = entries[stack[stack.count - 1]]
                decided.append(status(from: before, at: reading.at, delta: reading.value - before.value, isWrap: false))
                stack.append(i)
                return i + 1
            }
            if let delta = segments.wrapDelta(
                from: base.value,
                to: reading.value,
                segment: segments.segment(at: base.at)
            ) {
                beginRun(i, status(from: base, at: reading.at, delta: delta, isWrap: true))
                return i + 1
            }
            guard isDecidable else { return hold(i) }
            beginRun(i, .reset)
            return i + 1
        }
    }

    private mutating func hold(_ i: Int) -> Int {
        for k in i..<entries.count { decided.append(k == i ? .held : .heldRest) }
        return entries.count
    }

    /// Where the segment of entry `i` ends with an exchange, if it does.
    private func segmentEnd(from i: Int) -> Int? {
        guard let exchange = segments.exchanges.first(where: { $0.at >= entries[i].at }) else { return nil }
        return lowerBound(at: exchange.at, role: .exchangeFinal)
    }

    /// How many baselines stand after the latest one before the last that is not above `reading` and at most 48 h old;
    /// nil where there is none such. Baselines of a run never fall, so it is a binary search.
    private func baselinesAbove(_ reading: SeriesEntry) -> Int? {
        var low = 0
        var high = stack.count - 1
        while low < high {
            let middle = (low + high) / 2
            if entries[stack[middle]].value <= reading.value { low = middle + 1 } else { high = middle }
        }
        guard low > 0, entries[stack[low - 1]].at >= reading.at - RegisterSeries.window else { return nil }
        return stack.count - low
    }

    private enum Return {
        case at(Int)
        case never(seen: Int)
    }

    /// Whether one of the next `count` entries, up to 48 h later and within the segment, reaches a value again.
    private func returns(after i: Int, to value: Int64, within count: Int, upTo last: Int) -> Return {
        let horizon = entries[i].at + RegisterSeries.window
        var seen = 0
        var j = i + 1
        while j <= last, seen < count, entries[j].at <= horizon {
            if entries[j].value >= value { return .at(j) }
            seen += 1
            j += 1
        }
        return .never(seen: seen)
    }
}
