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
        let seconds = (end - start) / 1000
        if let narrow = Int64(exactly: quantity), let narrowEstimated = Int64(exactly: estimated) {
            let row = WriterState.HourRow(
                id: id,
                seconds: seconds,
                quantity: narrow,
                estimated: narrowEstimated,
                complete: complete ? 1 : 0
            )
            return try state.add(row)
        }
        try state.flushHours()
        let statement = try state.statement(.putHour)
        statement.bind(1, id)
        statement.bind(2, seconds)
        state.bind(quantity, to: statement, 3)
        state.bind(estimated, to: statement, 4)
        statement.bind(5, complete ? 1 : 0)
        try statement.run()
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
        let statement = try state.statement(.putDay)
        state.scratch.removeAll(reserving: 16)
        state.bindText(to: statement, 2) { $0.append(day: day) }
        try putBucket(statement, series, start, end, quantity, estimated, complete)
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
        let statement = try state.statement(.putMonth)
        state.scratch.removeAll(reserving: 16)
        state.bindText(to: statement, 2) { $0.append(month: month) }
        try putBucket(statement, series, start, end, quantity, estimated, complete)
    }

    private func putBucket(
        _ statement: SQLStatement,
        _ series: UInt32,
        _ start: Int64,
        _ end: Int64,
        _ quantity: Int128,
        _ estimated: Int128,
        _ complete: Bool
    ) throws {
        statement.bind(1, BucketKey.id(series: series, startMilliseconds: start))
        statement.bind(3, (end - start) / 1000)
        state.bind(quantity, to: statement, 4)
        state.bind(estimated, to: statement, 5)
        statement.bind(6, complete ? 1 : 0)
        try statement.run()
    }

    /// Deletes the rows of hours of a series that start in `[fromStart, toEnd)`, UTC milliseconds, any values.
    package func deleteHours(series: UInt32, fromStart: Int64 = .min, toEnd: Int64 = .max) throws {
        guard hoursAreOn else { return }
        try state.flushHours()
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
        let statement = try state.statement(name)
        statement.bind(1, keys.lowerBound)
        statement.bind(2, keys.upperBound)
        try statement.run()
    }
}
