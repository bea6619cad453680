import Billing
import MeterModel
package import ReadModel

extension Fold {
    /// Writes every row that differs from what was written last, in an order that follows from the fold alone: devices
    /// and series ascending, some of each in turn.
    ///
    /// Whoever calls this sets the checkpoint in the same transaction, and then calls `markWritten`.
    ///
    /// - Parameters:
    ///   - writer: of that transaction.
    ///   - givesBackMemory: whether what nobody needs until more is folded is given back, series by series.
    /// - Throws: `ViewError`.
    package func writeRows(to writer: ViewWriter, givesBackMemory: Bool = true) throws {
        let queued = queuedRows()
        try writeNewSeries(writtenSeriesCount..<series.count, to: writer)
        // Some of each in turn: what SQLite takes longest for is a device, what we do, a series.
        var (devices, series) = (queued.devices[...], queued.series[...])
        while !devices.isEmpty || !series.isEmpty {
            try writeDevices(devices.prefix(Fold.pieceCount), to: writer)
            try writeSeries(series.prefix(Fold.pieceCount), to: writer, givesBackMemory: givesBackMemory)
            devices = devices.dropFirst(Fold.pieceCount)
            series = series.dropFirst(Fold.pieceCount)
        }
        try writeJobs(to: writer)
    }

    /// How many devices and series are written in turn.
    private static let pieceCount = 256

    /// Devices and series whose rows differ from what was written last, ascending.
    struct QueuedRows {
        var devices: [UInt32] = []
        var series: [UInt32] = []
    }

    func queuedRows() -> QueuedRows {
        let devices = queuedDevices.sorted()
        for device in devices { extendLedgerSpan(self.devices[Int(device)]) }
        return QueuedRows(devices: devices, series: queuedSeries.sorted())
    }

    func writeDevices(_ some: ArraySlice<UInt32>, to writer: ViewWriter) throws {
        try forEach(ofDevices: some) { try writeDevice($0, to: writer) }
    }

    /// Writes what series are called that were never written, by number.
    func writeNewSeries(_ some: Range<Int>, to writer: ViewWriter) throws {
        for index in some where owners[index] !== outsider {
            try writer.putSeries(UInt32(index), device: owners[index].index, register: registers[index].text)
        }
    }

    /// About how many rows a series that was never written has at most, its device's ledger included.
    func rowCountBound(ofSeries index: UInt32, hours: Bool) -> Int {
        guard let span = series[Int(index)].dirtySpan else { return 1 }
        let dayCount = Int((span.end - span.start) / Milliseconds.day) + 2
        // Few tariffs have more lines a day than that.
        return dayCount * ((hours ? 24 : 0) + 1 + 8)
    }

    func writeSeries(_ some: ArraySlice<UInt32>, to writer: ViewWriter, givesBackMemory: Bool) throws {
        try forEach(ofSeries: some) { index in
            try writeSeries(index, to: writer)
            // Now it is at hand.
            if givesBackMemory { series[Int(index)].compact() }
        }
    }

    func writeJobs(to writer: ViewWriter) throws {
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
        writtenSeriesCount = series.count
        queuedSeries.removeAll(keepingCapacity: true)
        queuedDevices.removeAll(keepingCapacity: true)
        unwrittenJobs.removeAll()
    }

    /// As `markWritten`, for rows that were written by an earlier run up to this very position.
    package func assumeWritten() {
        for index in queuedSeries { series[Int(index)].compact() }
        markWritten()
        for fold in series { fold.isWritten = true }
        for device in foldedDevices { device.mayHaveLedger = true }
    }

    // MARK: Devices

    /// Days whose ledger changed without the buckets are written with the billing series.
    private func extendLedgerSpan(_ device: DeviceFold) {
        guard device.hasBalance, let index = device.billingSeries else { return }
        if device.ledgerIsWhollyDirty || device.dirtyDays != nil { enqueue(series: index) }
    }

    private func writeDevice(_ device: DeviceFold, to writer: ViewWriter) throws {
        let clock = clock(of: device).map(Instant.init(milliseconds:))
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
                    charges: device.charges.exact(),
                    topUps: device.money.total,
                    asOf: clock
                )
            )
        }
        for episode in device.alerts.unwrittenEpisodes { try writer.putEpisode(episode) }
        if device.hasBalance, device.billingSeries == nil { try writeLedgerOfMoneyAlone(device, to: writer) }
    }

    private func writeLedgerOfMoneyAlone(_ device: DeviceFold, to writer: ViewWriter) throws {
        guard device.ledgerIsWhollyDirty || device.dirtyDays != nil else { return }
        try writeLedger(device, days: nil, usages: [:], countBefore: 0, to: writer)
    }

    /// Replaces the ledger of local days; nil: all of it.
    private func writeLedger(
        _ device: DeviceFold,
        days: ClosedRange<Int>?,
        usages: [Int: DayUsage],
        countBefore: Int128,
        to writer: ViewWriter
    ) throws {
        let ledger = LedgerDays(charges: device.charges, usages: usages, countBefore: countBefore)
        let lines = ledger.chargeLines(days ?? -1_000_000...4_000_000) + moneyLines(device, days: days)
        try writer.replaceLedgerDays(
            device: device.index,
            from: days.map { LocalDate(dayNumber: Int32($0.lowerBound)) },
            to: days.map { LocalDate(dayNumber: Int32($0.upperBound + 1)) },
            isFirst: !device.mayHaveLedger,
            lines: lines
        )
        device.mayHaveLedger = true
    }

    // MARK: Series

    private func writeSeries(_ index: UInt32, to writer: ViewWriter) throws {
        let fold = series[Int(index)]
        let device = owners[Int(index)]
        if fold.anomaliesAreDirty { try writer.replaceAnomalies(series: index, fold.anomalies()) }
        let isBilled = device.billingSeries == index && device.hasBalance
        var span = fold.dirtySpan
        if fold.isWhollyDirty, fold.isWritten {
            try writer.deleteHours(series: index)
            try writer.deleteDays(series: index)
            try writer.deleteMonths(series: index)
        }
        let isLedgerWhole = isBilled && (fold.isWhollyDirty || device.ledgerIsWhollyDirty)
        // Of a series that has no rows yet all intervals lie in its dirty span.
        if fold.isWritten, fold.isWhollyDirty || isLedgerWhole, let whole = wholeSpan(of: fold) {
            // What went may have lain outside of what is there now.
            span = span.map { (min($0.start, whole.start), max($0.end, whole.end)) } ?? whole
        }
        let ledgerDays = isBilled ? device.dirtyDays : nil
        if span == nil, let ledgerDays {
            let day = device.zone.start(ofDay: ledgerDays.first)
            span = (day, max(day + 1, device.zone.start(ofDay: ledgerDays.first + 1)))
        }
        guard let span else {
            if isLedgerWhole { try writeLedger(device, days: nil, usages: [:], countBefore: 0, to: writer) }
            return
        }
        var pass = BucketPass(
            span: span,
            ledgerDays: ledgerDays,
            zone: device.zone,
            schedule: isBilled ? device.schedule : nil,
            gapAfter: device.declaration.gapAfter,
            cutsHours: writer.hoursAreOn,
            sink: BucketRows(writer: writer, series: index)
        )
        if fold.hasStaleRows, !fold.isWhollyDirty {
            try writer.deleteHours(series: index, fromStart: pass.hours.lowerBound, toEnd: pass.hours.upperBound)
            try writer.deleteDays(series: index, fromStart: pass.days.lowerBound, toEnd: pass.days.upperBound)
            try writer.deleteMonths(series: index, fromStart: pass.months.lowerBound, toEnd: pass.months.upperBound)
        }
        if !fold.isWhollyDirty, !fold.hasStaleRows, let sum = fold.monthSum { pass.resume(sum, span: span) }
        fold.forEachInterval(from: pass.wantedFrom, to: pass.months.upperBound) { pass.take($0) }
        fold.remember((fold.latestAt ?? Int64.max) < pass.months.upperBound ? pass.monthSum() : nil)
        pass.finish()
        if let error = pass.sink.error { throw error }
        guard isBilled else { return }
        let first = device.zone.day(at: pass.days.lowerBound)
        let last = max(first, device.zone.day(at: pass.days.upperBound - 1))
        try writeLedger(
            device,
            days: isLedgerWhole ? nil : first...last,
            usages: pass.sink.usages,
            countBefore: isLedgerWhole ? 0 : pass.countBeforeDays,
            to: writer
        )
    }

    private func wholeSpan(of fold: SeriesFold) -> (start: Int64, end: Int64)? {
        var span: (start: Int64, end: Int64)?
        fold.forEachInterval(from: Int64.min, to: Int64.max) { interval in
            span = (span?.start ?? interval.start, interval.end)
        }
        return span
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

/// Writes the buckets of one series, and keeps what its days used.
private struct BucketRows: BucketSink {
    let writer: ViewWriter
    let series: UInt32
    var usages: [Int: DayUsage] = [:]
    /// The first error; what comes after it is not written.
    var error: (any Error)?

    private mutating func attempt(_ body: (BucketRows) throws -> Void) {
        guard error == nil else { return }
        do { try body(self) } catch { self.error = error }
    }

    mutating func hour(_ bucket: Bucket) {
        attempt { rows in
            try rows.writer.putHour(
                series: rows.series,
                start: bucket.start,
                end: bucket.end,
                quantity: bucket.quantity,
                estimated: bucket.estimated,
                complete: bucket.isComplete
            )
        }
    }

    mutating func day(_ bucket: Bucket, _ day: LocalDate) {
        attempt { rows in
            try rows.writer.putDay(
                series: rows.series,
                day: day,
                start: bucket.start,
                end: bucket.end,
                quantity: bucket.quantity,
                estimated: bucket.estimated,
                complete: bucket.isComplete
            )
        }
    }

    mutating func month(_ bucket: Bucket, _ month: LocalDate) {
        attempt { rows in
            try rows.writer.putMonth(
                series: rows.series,
                month: month,
                start: bucket.start,
                end: bucket.end,
                quantity: bucket.quantity,
                estimated: bucket.estimated,
                complete: bucket.isComplete
            )
        }
    }

    mutating func usage(_ usage: DayUsage) { usages[usage.day] = usage }
}
