import Billing
import Dispatch
package import EventStorage
package import MeterModel
import RecordLog
import Synchronization

/// Folds a log to what the fleet used by local day; stores nothing.
///
/// The readings are walked as columns, parts of the series side by side, by `SummaryFold`. What is declared is read
/// first, if the log turns out to declare anything. Devices whose readings are not plain are folded exactly, as the
/// views fold them, so that the digits are the views' own.
package struct SummaryRun {
    private let zones: any ZoneSource
    private let threadCount: Int
    private let passes: SummaryFold.Passes
    private let redeclaredLimit: Int
    private let makeReader: () throws -> EventLogReader

    /// Readings of devices that are folded exactly at a time, about: bounds the memory it takes.
    private static let exactReadingCount: UInt64 = 8_000_000
    /// Into so many parts for each thread the series are cut: what is known of a part's is to lie near.
    private static let partsPerThread = 8

    /// - Parameters:
    ///   - zones: the rules by which local days are cut.
    ///   - threadCount: how many threads share the work.
    ///   - makeReader: opens the log; called from this thread.
    package init(
        zones: any ZoneSource,
        threadCount: Int,
        makeReader: @escaping () throws -> EventLogReader
    ) {
        self.init(zones: zones, threadCount: threadCount, passes: .one, makeReader: makeReader)
    }

    /// As above, with two passes at once where that is said; so many devices may be redeclared however few there are.
    init(
        zones: any ZoneSource,
        threadCount: Int,
        passes: SummaryFold.Passes,
        redeclaredLimit: Int = 0,
        makeReader: @escaping () throws -> EventLogReader
    ) {
        precondition(threadCount > 0, "no thread to work")
        self.zones = zones
        self.threadCount = threadCount
        self.passes = passes
        self.redeclaredLimit = redeclaredLimit
        self.makeReader = makeReader
    }

    /// Thrown where one pass is not enough.
    private struct NeedsTwoPasses: Error {}

    /// The log up to a position.
    private struct Extent {
        let reader: EventLogReader
        let segments: [SegmentSummary]
        let last: Position
    }

    /// Folds the log.
    ///
    /// - Parameters:
    ///   - last: the last position that counts, known to be durable; nil is as far as there is now.
    ///   - device: the only device that counts; nil: all.
    ///   - from: the first day that is wanted; nil: the first there is.
    ///   - to: the first day behind those wanted.
    /// - Returns: the sums.
    /// - Throws: `RecordLogError`, `EventStorageError`.
    package func run(
        through last: Position? = nil,
        device: String? = nil,
        from: FleetSummary.ViewBound? = nil,
        to: FleetSummary.ViewBound? = nil
    ) throws -> FleetSummary {
        let reader = try makeReader()
        let segments = try reader.segments()
        let log = Extent(
            reader: reader,
            segments: segments,
            last: last ?? Position(segments.compactMap(\.lastPosition).last ?? 0)
        )
        var summary = FleetSummary(from: from, to: to)
        guard log.last > .origin else { return summary }
        if let device {
            try addExactly(DeviceScope([device]), log, to: &summary)
            return summary
        }
        do {
            try add(nil, log, to: &summary)
        } catch is DeclaredTerms.DeclaredLate {
            try add(try declarations(log), log, to: &summary)
        }
        return summary
    }

    /// Adds what all devices used, in one pass if that is enough.
    ///
    /// `declarations`: all there are; nil: they are taken in on the way.
    private func add(_ declarations: SummaryDeclarations?, _ log: Extent, to summary: inout FleetSummary) throws {
        do {
            try add(declarations, log, passes, to: &summary)
        } catch is NeedsTwoPasses {
            try add(declarations, log, .two, to: &summary)
        }
    }

    /// All that the log declares.
    private func declarations(_ log: Extent) throws -> SummaryDeclarations {
        var directory = SeriesDirectory()
        var declarations = SummaryDeclarations()
        try log.reader.forEachBlock(of: DeviceScope([]), through: log.last) { block in
            try block.extend(&directory)
            for case .event(_, let event) in block.runs {
                declarations.take(event, device: event.device.flatMap { directory.devices.index(of: $0) })
            }
            return .proceed
        }
        return declarations
    }

    // MARK: All devices

    private func add(
        _ declarations: SummaryDeclarations?,
        _ log: Extent,
        _ passes: SummaryFold.Passes,
        to summary: inout FleetSummary
    ) throws {
        var declared = DeclaredTerms(zones, knowing: declarations, leastLimit: redeclaredLimit)
        let fold = SummaryFold(declared.table, passes: passes)
        var registers: [String] = []
        let partCount = threadCount == 1 ? 1 : SummaryRun.partsPerThread * threadCount
        let parts = (0..<partCount).map { _ in SummaryPart() }
        let names = try walk(log, fold, parts) { batch in
            try declared.take(batch)
            registers += batch.newRegisters
            // Few series that go wrong are folded exactly in less time than a second pass takes.
            guard parts.reduce(0, { $0 + $1.missCount }) <= fold.count / 100 else { throw NeedsTwoPasses() }
            let terms = batch.newSeries.map { declared.give($0.device) }
            fold.learn(declared.table)
            for (series, terms) in zip(batch.newSeries, terms) {
                guard fold.hasRoom else { throw NeedsTwoPasses() }
                fold.append(series, terms: terms)
            }
            let hasLateRoom = parts.reduce(0) { $0 + $1.lates.count } < SummaryFold.totalLateLimit
            for part in parts {
                part.reserve(fold.groups.groups.count)
                part.hasLateRoom = hasLateRoom
            }
        } uncalm: {
            fold.take($0, at: $1, value: $2, $3, into: $4)
        }
        let lastAt = fold.lastReadAt
        if fold.endFirstPass(parts, into: parts[0]) {
            fold.beginSecondPass()
            _ = try walk(log, fold, parts, willWalk: { _ in }) { series, at, value, _, part in
                fold.takeAgain(series, at: at, value: value, into: part)
            }
        }
        fold.unsettle(ofDevices: declared.redeclared)
        perform(partCount) { i in
            let some = fold.count * i / partCount..<fold.count * (i + 1) / partCount
            fold.addRows(of: some, lastAt: lastAt, into: parts[i])
        }
        let total = SummaryPart()
        total.reserve(fold.groups.groups.count)
        for part in parts {
            for (i, days) in part.groups.enumerated() { total.groups[i].add(days, sign: 1) }
        }
        try correct(total, fold, &declared, names, log, &summary)
        for (i, group) in fold.groups.groups.enumerated() {
            summary.add(
                total.groups[i],
                register: registers[Int(group.register)],
                group,
                zone: declared.table.zones[group.zone]
            )
        }
    }

    /// Walks the log's batches, the parts of each side by side while the next is loaded.
    ///
    /// - Parameters:
    ///   - log: what is walked.
    ///   - fold: whose fronts are moved on.
    ///   - parts: into how many parts the series are cut.
    ///   - willWalk: called with each batch before it is walked.
    ///   - uncalm: takes a reading that is not calm, for the part given.
    /// - Returns: the names of the log's devices.
    /// - Throws: `RecordLogError`, `EventStorageError`, and what `willWalk` throws.
    private func walk(
        _ log: Extent,
        _ fold: SummaryFold,
        _ parts: [SummaryPart],
        willWalk: (ColumnBatch) throws -> Void,
        uncalm: (UInt32, Int64, Int64, ReadingTraits, SummaryPart) -> Void
    ) throws -> NameTable {
        let loader = try ColumnLoader(log.reader, of: log.segments, through: log.last)
        var (batch, next) = (ColumnBatch(), ColumnBatch())
        var isMore = try loader.load(batch, parts: parts.count)
        while isMore {
            try willWalk(batch)
            if batch.beginsSegment { fold.beginSegment() }
            var loaded: Result<Bool, any Error> = .success(false)
            let (fronts, recent) = (fold.fronts, fold.recent)
            perform(batch.partCount + 1) { [batch, next] task in
                guard task > 0 else {
                    loaded = Result { try loader.load(next, parts: parts.count) }
                    return
                }
                let part = parts[task - 1]
                do {
                    try batch.walk(task - 1, fronts: fronts, recent: recent) { uncalm($0, $1, $2, $3, part) }
                } catch {
                    part.error = error
                }
            }
            for part in parts { if let error = part.error { throw error } }
            isMore = try loaded.get()
            swap(&batch, &next)
        }
        return loader.deviceNames
    }

    /// Does tasks 0 and following, each once; later ones may be done before earlier ones have ended.
    private func perform(_ count: Int, _ task: (Int) -> Void) {
        guard threadCount > 1 else {
            for i in 0..<count { task(i) }
            return
        }
        let next = Atomic<Int>(0)
        withoutActuallyEscaping(task) { task in
            // Safety: the tasks share nothing but what they only read, and all have ended on return.
            nonisolated(unsafe) let work = task
            DispatchQueue.concurrentPerform(iterations: min(threadCount, count)) { _ in
                while true {
                    let i = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    if i >= count { return }
                    work(i)
                }
            }
        }
    }

    // MARK: Devices that are folded exactly

    /// Puts the exact rows of the series that are not settled in the place of what they had added up to, and adds those
    /// of series without a reading: of exchanges and corrections alone.
    private func correct(
        _ total: SummaryPart,
        _ fold: SummaryFold,
        _ declared: inout DeclaredTerms,
        _ names: NameTable,
        _ log: Extent,
        _ summary: inout FleetSummary
    ) throws {
        let unsettled = fold.unsettled
        var isUnsettled = ContiguousArray(repeating: false, count: fold.count)
        for series in unsettled { isUnsettled[Int(series)] = true }
        let disturbed = declared.declarations.disturbed
        let devices = Set(unsettled.map { fold.fronts[Int($0)].device }).union(disturbed).sorted()
        let perDevice = max(1, log.last.rawValue / UInt64(max(1, names.count)))
        let atOnce = Int(max(1, SummaryRun.exactReadingCount / perDevice))
        for start in stride(from: 0, to: devices.count, by: atOnce) {
            let some = devices[start..<min(devices.count, start + atOnce)]
            let exact = Fold(zones: zones, scope: DeviceScope(some.map { names[$0] }))
            var readings: ContiguousArray<ReadingRecord> = []
            try foldAlone(exact, log) { run in
                readings.append(contentsOf: run.filter { isUnsettled[Int($0.series)] })
            }
            takeBack(readings, fold, declared.table, from: total)
            for index in unsettled where exact.owners[Int(index)] !== exact.outsider {
                // What was declared last tells in which group its rows are, whatever it was given.
                let terms = declared.terms(ofDevice: fold.fronts[Int(index)].device)
                let register = fold.groups.groups[Int(fold.notes[Int(index)].group)].register
                let energy = fold.groupIndex(register: register, terms)
                total.reserve(fold.groups.groups.count)
                let isVolume = exact.owners[Int(index)].declaration.dimension == .volume
                exact.addDays(ofSeries: index, to: &total.groups[isVolume ? energy + 1 : energy])
            }
            add(exact, series: min(fold.count, exact.series.count)..<exact.series.count, to: &summary)
        }
    }

    /// Folds the devices in a fold's scope; `take` hears of their readings.
    private func foldAlone(
        _ exact: Fold,
        _ log: Extent,
        _ take: (UnsafeBufferPointer<ReadingRecord>) -> Void
    ) throws {
        var directory = SeriesDirectory()
        try log.reader.forEachBlock(of: exact.scope, through: log.last) { block in
            try block.extend(&directory)
            for run in block.runs {
                switch run {
                case .readings(let first, let readings):
                    exact.apply(
                        readings,
                        firstPosition: first,
                        recordedAt: block.recordedAt,
                        directory: directory
                    )
                    take(readings)
                case .event(let position, let event):
                    guard SummaryDeclarations.bears(event) else { continue }
                    exact.apply(event, position: position, recordedAt: block.recordedAt, directory: directory)
                case .lost: break
                }
            }
            return .proceed
        }
        exact.grow(to: directory)
    }

    /// Takes back what series that are not settled had added up to: their readings, told again, add up to the same.
    private func takeBack(
        _ readings: ContiguousArray<ReadingRecord>,
        _ fold: SummaryFold,
        _ table: SummaryTermsTable,
        from total: SummaryPart
    ) {
        let again = SummaryFold(table, passes: fold.passes)
        for i in 0..<fold.count { again.append(like: i, of: fold) }
        let part = SummaryPart()
        part.reserve(again.groups.groups.count)
        for reading in readings {
            again.take(reading.series, at: reading.at, value: reading.value, reading.traits, into: part)
        }
        if again.endFirstPass([part], into: part) {
            again.beginSecondPass()
            for reading in readings {
                again.takeAgain(reading.series, at: reading.at, value: reading.value, into: part)
            }
        }
        for (i, days) in part.groups.enumerated() { total.groups[i].add(days, sign: -1) }
    }

    private func addExactly(
        _ scope: DeviceScope,
        _ log: Extent,
        to summary: inout FleetSummary
    ) throws {
        let exact = Fold(zones: zones, scope: scope)
        try foldAlone(exact, log) { _ in }
        add(exact, series: exact.series.indices, to: &summary)
    }

    /// Adds the rows of some series that are folded exactly.
    private func add(_ exact: Fold, series: Range<Int>, to summary: inout FleetSummary) {
        for index in series where exact.owners[index] !== exact.outsider {
            let device = exact.owners[index]
            var days = SummaryDays()
            exact.addDays(ofSeries: UInt32(index), to: &days)
            let group = SummaryGroup(
                register: 0,
                utility: device.declaration.utility,
                dimension: device.declaration.dimension ?? .energy,
                zone: 0
            )
            summary.add(days, register: exact.registers[index].text, group, zone: device.zone)
        }
    }
}

extension Fold {
    /// Adds the rows that the view of days has of a series.
    func addDays(ofSeries index: UInt32, to days: inout SummaryDays) {
        let fold = series[Int(index)]
        let device = owners[Int(index)]
        var span: (start: Int64, end: Int64)?
        fold.forEachInterval(from: Int64.min, to: Int64.max) { interval in
            span = (min(span?.start ?? interval.start, interval.start), max(span?.end ?? interval.end, interval.end))
        }
        guard let span else { return }
        var pass = BucketPass(
            span: span,
            ledgerDays: nil,
            zone: device.zone,
            schedule: nil,
            gapAfter: device.declaration.gapAfter,
            cutsHours: false,
            sink: SummaryRows(days: days)
        )
        days = SummaryDays()
        fold.forEachInterval(from: Int64.min, to: Int64.max) { pass.take($0) }
        pass.finish()
        days = pass.sink.days
    }
}

/// Takes the days of a series.
private struct SummaryRows: BucketSink {
    var days: SummaryDays

    mutating func hour(_ bucket: Bucket) {}
    mutating func day(_ bucket: Bucket, _ day: LocalDate) { days.add(bucket, on: Int(day.dayNumber)) }
    mutating func month(_ bucket: Bucket, _ month: LocalDate) {}
    mutating func usage(_ usage: DayUsage) {}
}
