package import MeterModel

extension ViewWriter {
    /// Inserts or replaces the row of an hour. Ascending calls (series, then start) are the fastest.
    ///
    /// - Parameters:
    ///   - series: the series' index, below 2^31.
    ///   - start: UTC milliseconds, a whole second from 1970 to 2106.
    ///   - end: UTC milliseconds, after `start`.
    ///   - quantity: mWh or mL.
    ///   - estimated: the part of it from gaps, mWh or mL.
    ///   - complete: whether intervals cover the whole hour.
    /// - Throws: `ViewError` as SQLite says.
    package func putHour(
        series: UInt32,
        start: Int64,
        end: Int64,
        quantity: Int128,
        estimated: Int128,
        complete: Bool
    ) throws {
        guard hoursAreOn else { return }
        let id = BucketKey.id(series: series, startMilliseconds: start)
        try rows.put(.putHour, key: id) { row in
            row.add(id)
            add(end - start, quantity, estimated, complete, to: row)
        }
    }

    /// Inserts or replaces the row of a local day; parameters as in `putHour`.
    package func putDay(
        series: UInt32,
        day: LocalDate,
        start: Int64,
        end: Int64,
        quantity: Int128,
        estimated: Int128,
        complete: Bool
    ) throws {
        let id = BucketKey.id(series: series, startMilliseconds: start)
        try rows.put(.putDay, key: id) { row in
            row.add(id)
            row.add { $0.append(day: day) }
            add(end - start, quantity, estimated, complete, to: row)
        }
    }

    /// Inserts or replaces the row of a local month, named by any of its days; parameters as in `putHour`.
    package func putMonth(
        series: UInt32,
        month: LocalDate,
        start: Int64,
        end: Int64,
        quantity: Int128,
        estimated: Int128,
        complete: Bool
    ) throws {
        let id = BucketKey.id(series: series, startMilliseconds: start)
        try rows.put(.putMonth, key: id) { row in
            row.add(id)
            row.add { $0.append(month: month) }
            add(end - start, quantity, estimated, complete, to: row)
        }
    }

    private func add(
        _ milliseconds: Int64,
        _ quantity: Int128,
        _ estimated: Int128,
        _ complete: Bool,
        to row: RowBatch
    ) {
        row.add(milliseconds / 1000)
        row.add(milli: quantity)
        row.add(milli: estimated)
        row.add(complete ? 1 : 0)
    }

    /// Deletes the rows of hours of a series that start in `[fromStart, toEnd)`, UTC milliseconds, any values.
    package func deleteHours(series: UInt32, fromStart: Int64 = .min, toEnd: Int64 = .max) throws {
        guard hoursAreOn else { return }
        try deleteBuckets(.deleteHours, series, fromStart, toEnd)
    }

    /// Deletes the rows of days of a series that start in `[fromStart, toEnd)`.
    package func deleteDays(series: UInt32, fromStart: Int64 = .min, toEnd: Int64 = .max) throws {
        try deleteBuckets(.deleteDays, series, fromStart, toEnd)
    }

    /// Deletes the rows of months of a series that start in `[fromStart, toEnd)`.
    package func deleteMonths(series: UInt32, fromStart: Int64 = .min, toEnd: Int64 = .max) throws {
        try deleteBuckets(.deleteMonths, series, fromStart, toEnd)
    }

    private func deleteBuckets(_ name: WriterStatement, _ series: UInt32, _ from: Int64, _ to: Int64) throws {
        let keys = BucketKey.range(series: series, from: from, to: to)
        try rows.delete(name, of: keys) { row in
            row.add(keys.lowerBound)
            row.add(keys.upperBound)
        }
    }
}
