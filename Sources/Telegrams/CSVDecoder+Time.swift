import MeterModel

/// The times of a row.
extension CSVDecoder {
    private typealias Slot = CSVColumns.Slot

    /// Sets the draft's instants. A row of a profile's interval length is stamped with its start or its end.
    @inline(__always)
    mutating func readTimes(
        _ base: UnsafePointer<UInt8>,
        _ isFilled: ContiguousArray<Bool>,
        _ series: UInt64,
        _ draft: inout ReadingDraft
    ) -> Refusal? {
        if draft.isInterval, profile.intervalMilliseconds == nil {
            if let refusal = read(base, Slot.start, "start", series, &draft.start) { return refusal }
            if let refusal = read(base, Slot.end, "end", series, &draft.at) { return refusal }
        } else if isFilled[Slot.date] {
            if let refusal = readDateAndHour(base, isFilled, series, &draft.at) { return refusal }
        } else if let refusal = read(base, Slot.time, "readAt", series, &draft.at) {
            return refusal
        }
        if let length = profile.intervalMilliseconds {
            let stamp = draft.at
            draft.start = profile.stamp == .end ? stamp - length : stamp
            draft.at = draft.start + length
        }
        guard isFilled[Slot.receivedAt], !row.cells[Slot.receivedAt].isEmpty else { return nil }
        let cell = trim(base, row.cells[Slot.receivedAt])
        switch InstantScanner.instant(base, cell.start, cell.end) {
        case .success(let instant):
            draft.receivedAt = instant
            return nil
        case .failure(let fault): return InstantScanner.refusal(fault, "receivedAt", text(base, cell))
        }
    }

    @inline(__always)
    private mutating func read(
        _ base: UnsafePointer<UInt8>,
        _ slot: Int,
        _ name: StaticString,
        _ series: UInt64,
        _ instant: inout Int64
    ) -> Refusal? {
        var cell = trim(base, row.cells[slot])
        // A plus sign before a count says nothing; some exports have it now and then.
        if cell.end - cell.start > 1, base[cell.start] == UInt8(ascii: "+"), base[cell.start + 1] &- 0x30 <= 9 {
            cell.start += 1
        }
        let read: Result<Int64, InstantScanner.Fault>
        switch profile.timeFormat {
        case .automatic: read = InstantScanner.instant(base, cell.start, cell.end)
        case .rfc3339:
            read = InstantScanner.rfc3339(base, cell.start, cell.end).map { .success($0) } ?? .failure(.syntax)
        case .epochSeconds:
            read = InstantScanner.integer(base, cell.start, cell.end).flatMap {
                let (product, overflow) = $0.multipliedReportingOverflow(by: 1000)
                return overflow ? .failure(.range) : .success(product)
            }
        case .epochMilliseconds: read = InstantScanner.integer(base, cell.start, cell.end)
        case .pattern(let pattern):
            guard let local = pattern.read(base, cell.start, cell.end) else { return notSpelled(pattern, base, cell) }
            return resolve(local, base, cell, series, &instant)
        }
        switch read {
        case .success(let milliseconds):
            instant = milliseconds
            return nil
        case .failure(let fault): return InstantScanner.refusal(fault, name, text(base, cell))
        }
    }

    private mutating func readDateAndHour(
        _ base: UnsafePointer<UInt8>,
        _ isFilled: ContiguousArray<Bool>,
        _ series: UInt64,
        _ instant: inout Int64
    ) -> Refusal? {
        let cell = trim(base, row.cells[Slot.date])
        guard case .pattern(let pattern) = profile.timeFormat else {
            return Refusal(.timeSyntax, "a date column needs a pattern")
        }
        guard let day = pattern.read(base, cell.start, cell.end) else { return notSpelled(pattern, base, cell) }
        guard isFilled[Slot.hour] else { return resolve(day, base, cell, series, &instant) }
        let hourCell = trim(base, row.cells[Slot.hour])
        guard case .success(let hour) = InstantScanner.integer(base, hourCell.start, hourCell.end),
            (0...24).contains(hour)
        else { return Refusal(.timeSyntax, "\"\(excerpt(text(base, hourCell)))\" is no hour from 0 to 24") }
        return resolve(day + hour * Milliseconds.hour, base, cell, series, &instant)
    }

    private func notSpelled(_ pattern: TimePattern, _ base: UnsafePointer<UInt8>, _ cell: CSVRow.Cell) -> Refusal {
        Refusal(.timeSyntax, "\"\(excerpt(text(base, cell)))\" is not spelled \(pattern.text)")
    }

    @inline(__always)
    private mutating func resolve(
        _ local: Int64,
        _ base: UnsafePointer<UInt8>,
        _ cell: CSVRow.Cell,
        _ series: UInt64,
        _ instant: inout Int64
    ) -> Refusal? {
        guard let resolved = clock.instant(ofLocal: local, series: series) else {
            let zone = profile.zone?.name ?? "UTC"
            return Refusal(
                .timeSyntax,
                "\"\(excerpt(text(base, cell)))\" lies in an hour that the clock of \(zone) skipped"
            )
        }
        instant = resolved
        return nil
    }
}
