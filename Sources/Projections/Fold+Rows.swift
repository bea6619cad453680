import Billing
import MeterModel
package import ReadModel

extension Fold {
    /// Writes every row that differs from what was written last, in a fixed order: series and devices ascending.
    ///
    /// Whoever calls this sets the checkpoint in the same transaction, and then calls `markWritten`.
    package func writeRows(to writer: ViewWriter) throws {
        for device in queuedDevices.sorted() { extendLedgerSpan(devices[Int(device)]) }
        for device in queuedDevices.sorted() { try writeDevice(devices[Int(device)], to: writer) }
        while writtenSeriesCount < series.count {
            try writer.putSeries(
                UInt32(writtenSeriesCount),
                device: owners[writtenSeriesCount].index,
                register: registers[writtenSeriesCount].text
            )
            writtenSeriesCount += 1
        }
        for index in queuedSeries.sorted() { try writeSeries(index, to: writer) }
        for job in unwrittenJobs.sorted() {
            if let row = jobs[job] { try writer.putPushJob(row) }
        }
    }

    /// Forgets what was to be written, once it is.
    package func markWritten() {
        for index in queuedSeries {
            let fold = series[Int(index)]
            fold.isQueued = false
            fold.dirtySpan = nil
            fold.anomaliesAreDirty = false
            fold.isWhollyDirty = false
            fold.hasStaleRows = false
            fold.isWritten = true
        }
        for index in queuedDevices {
            let device = devices[Int(index)]
            device.isQueued = false
            device.dirtyDays = nil
            device.ledgerIsWhollyDirty = false
            device.alerts.markWritten()
        }
        queuedSeries.removeAll(keepingCapacity: true)
        queuedDevices.removeAll(keepingCapacity: true)
        unwrittenJobs.removeAll()
    }

    /// As `markWritten`, for rows that were written by an earlier run up to this very position.
    package func assumeWritten() {
        markWritten()
        for fold in series { fold.isWritten = true }
        writtenSeriesCount = series.count
    }

    // MARK: Devices

    /// Days whose money changed have their whole ledger written, so the billing series' days go along.
    private func extendLedgerSpan(_ device: DeviceFold) {
        guard device.hasBalance, let index = device.billingSeries else { return }
        let fold = series[Int(index)]
        if device.ledgerIsWhollyDirty {
            fold.isWhollyDirty = true
        } else if let days = device.dirtyDays {
            let span = (device.zone.start(ofDay: days.first), device.zone.start(ofDay: days.last + 1))
            fold.dirtySpan = fold.dirtySpan.map { (min($0.start, span.0), max($0.end, span.1)) } ?? span
        } else {
            return
        }
        enqueue(series: index)
    }

    private func writeDevice(_ device: DeviceFold, to writer: ViewWriter) throws {
        let clock = latestReadAt(of: device)
        let fold = device.billingSeries.map { series[Int($0)] }
        let last = fold?.latestReading
        try writer.putDevice(
            DeviceRow(
                deviceID: device.index,
                device: device.name,
                utility: device.declaration.utility,
                unit: device.declaration.unit,
                dimension: device.declaration.dimension,
                timezone: device.zone.name,
                tariff: device.tariff(onDay: clock.map { device.zone.day(at: $0.milliseconds) }),
                account: device.declaration.account,
                readings: Int64(fold?.distinctCount ?? 0),
                duplicates: Int64(fold?.duplicateCount ?? 0),
                firstReadAt: fold?.earliestAt.map(Instant.init(milliseconds:)),
                lastReadAt: last.map { Instant(milliseconds: $0.at) },
                lastValueMilli: last?.value
            )
        )
        if device.hasBalance, let currency = device.currency {
            try writer.putBalance(
                BalanceRow(
                    deviceID: device.index,
                    currency: currency,
                    charges: device.charges,
                    topUps: device.money.total,
                    asOf: clock
                )
            )
        }
        for i in device.alerts.unwritten.sorted() { try writer.putEpisode(device.alerts.episodes[i]) }
        if device.hasBalance, device.billingSeries == nil { try writeLedgerOfMoneyAlone(device, to: writer) }
    }

    private func writeLedgerOfMoneyAlone(_ device: DeviceFold, to writer: ViewWriter) throws {
        guard device.ledgerIsWhollyDirty || device.dirtyDays != nil else { return }
        try writer.replaceLedgerDays(device: device.index, from: nil, to: nil, lines: moneyLines(device, days: nil))
    }

    // MARK: Series

    private func writeSeries(_ index: UInt32, to writer: ViewWriter) throws {
        let fold = series[Int(index)]
        let device = owners[Int(index)]
        if fold.anomaliesAreDirty { try writer.replaceAnomalies(series: index, fold.anomalies()) }
        let isBilled = device.billingSeries == index && device.hasBalance
        var span = fold.dirtySpan
        if fold.isWhollyDirty {
            if fold.isWritten {
                try writer.deleteHours(series: index)
                try writer.deleteDays(series: index)
                try writer.deleteMonths(series: index)
            }
            span = nil
            fold.forEachInterval(from: Int64.min, to: Int64.max) { interval in
                span = span.map { ($0.start, interval.end) } ?? (interval.start, interval.end)
            }
        }
        guard let span else {
            if isBilled, fold.isWhollyDirty {
                try writer.replaceLedgerDays(
                    device: device.index,
                    from: nil,
                    to: nil,
                    lines: moneyLines(device, days: nil)
                )
            }
            return
        }
        let sink = RowSink(
            writer: writer,
            series: index,
            schedule: isBilled ? device.schedule : nil
        )
        var pass = BucketPass(
            span: span,
            zone: device.zone,
            gapAfter: device.declaration.gapAfter,
            cutsHours: writer.hoursAreOn,
            sink: sink
        )
        if fold.hasStaleRows, !fold.isWhollyDirty {
            try writer.deleteHours(series: index, fromStart: pass.hours.lowerBound, toEnd: pass.hours.upperBound)
            try writer.deleteDays(series: index, fromStart: pass.days.lowerBound, toEnd: pass.days.upperBound)
            try writer.deleteMonths(series: index, fromStart: pass.months.lowerBound, toEnd: pass.months.upperBound)
        }
        fold.forEachInterval(from: pass.months.lowerBound, to: pass.months.upperBound) { pass.take($0) }
        pass.finish()
        if let error = pass.sink.error { throw error }
        guard isBilled else { return }
        let first = device.zone.day(at: pass.days.lowerBound)
        let last = device.zone.day(at: pass.days.upperBound - 1)
        let whole = fold.isWhollyDirty
        let lines = pass.sink.energyLines + moneyLines(device, days: whole ? nil : first...last)
        try writer.replaceLedgerDays(
            device: device.index,
            from: whole ? nil : LocalDate(dayNumber: Int32(first)),
            to: whole ? nil : LocalDate(dayNumber: Int32(last + 1)),
            lines: lines
        )
    }

    /// One line a day and kind of money; nil: of all days.
    private func moneyLines(_ device: DeviceFold, days: ClosedRange<Int>?) -> [LedgerLine] {
        struct DayKind: Hashable {
            var day: Int
            var kind: LedgerKind
        }
        var sums: [DayKind: Money] = [:]
        for (key, entry) in device.money.entries {
            let day = device.zone.day(at: entry.at)
            if days?.contains(day) ?? true { sums[DayKind(day: day, kind: key.kind), default: .zero] += entry.amount }
        }
        return sums.map { LedgerLine(day: LocalDate(dayNumber: Int32($0.day)), kind: $0.kind, amount: $1) }
            .filter { !$0.isNothing }
            .sorted { ($0.day, $0.kind.rawValue) < ($1.day, $1.kind.rawValue) }
    }
}

/// Writes the buckets of one series, and where it is billed gathers its days' ledger lines.
private struct RowSink: BucketSink {
    let writer: ViewWriter
    let series: UInt32
    let schedule: RateSchedule?
    var energyLines: [LedgerLine] = []
    /// The first error; what comes after it is not written.
    var error: (any Error)?

    private mutating func attempt(_ body: (RowSink) throws -> Void) {
        guard error == nil else { return }
        do { try body(self) } catch { self.error = error }
    }

    mutating func hour(_ bucket: Bucket) {
        attempt { sink in
            try sink.writer.putHour(
                series: sink.series,
                start: bucket.start,
                end: bucket.end,
                quantity: bucket.quantity,
                estimated: bucket.estimated,
                complete: bucket.isComplete
            )
        }
    }

    mutating func day(_ bucket: Bucket, _ day: LocalDate) {
        attempt { sink in
            try sink.writer.putDay(
                series: sink.series,
                day: day,
                start: bucket.start,
                end: bucket.end,
                quantity: bucket.quantity,
                estimated: bucket.estimated,
                complete: bucket.isComplete
            )
        }
        guard let price = schedule?.priceMicro(at: bucket.start) else { return }
        let line = LedgerLine(
            day: day,
            kind: .energy,
            period: "default",
            quantityMilli: bucket.quantity,
            price: ExactDecimal(Int128(price), fractionDigits: 6),
            amount: -RateSchedule.amount(quantity: bucket.quantity, priceMicro: price)
        )
        if !line.isNothing { energyLines.append(line) }
    }

    mutating func month(_ bucket: Bucket, _ month: LocalDate) {
        attempt { sink in
            try sink.writer.putMonth(
                series: sink.series,
                month: month,
                start: bucket.start,
                end: bucket.end,
                quantity: bucket.quantity,
                estimated: bucket.estimated,
                complete: bucket.isComplete
            )
        }
    }
}
