import Billing
import MeterModel
import ReadModel
import RecordLog

/// All that is folded, as bytes and back: devices and series under the log's numbers, then what concerns none of them.
///
/// What follows from something else is not written: schedules, sums, what a log's reader keeps at hand. Nor is what
/// only a running program knows: which balances and jobs it told, which sums of months it has at hand. After it is read
/// it is as if it had been folded from the log's beginning.
extension Fold {
    /// Writes everything.
    ///
    /// - Parameters:
    ///   - out: takes it.
    ///   - directory: the log's numbering up to `position`.
    /// - Throws: `SnapshotFault` where something is still to be written into views, or where this is no fold of all
    ///   that the log says; what fails at writing, `out` says.
    func write(to out: SnapshotWriter, _ directory: SeriesDirectory) throws(SnapshotFault) {
        guard scope == nil, asOf == nil, supposition == nil else { throw SnapshotFault("it is a fold of a part") }
        guard queuedSeries.isEmpty, queuedDevices.isEmpty, unwrittenJobs.isEmpty, writtenSeriesCount == series.count,
            devices.count == directory.deviceCount, series.count == directory.seriesCount
        else { throw SnapshotFault("rows are still to be written") }
        Fold.write(directory, to: out)
        writeCommon(to: out)
        for device in devices where out.failure == nil { try device.write(to: out) }
        for fold in series where out.failure == nil { try fold.write(to: out) }
    }

    /// What `write` wrote, in a fold of its own and a numbering.
    static func read(
        from reader: SnapshotReader,
        _ head: SnapshotHead,
        zones: any ZoneSource,
        scratch: ScratchFile? = nil
    ) throws(SnapshotFault) -> (fold: Fold, directory: SeriesDirectory) {
        let directory = try readDirectory(head, from: reader)
        let fold = Fold(zones: zones, scratch: scratch)
        fold.grow(to: directory)
        fold.position = head.position
        fold.holes = head.holes
        fold.writtenSeriesCount = fold.series.count
        try fold.readCommon(from: reader)
        for device in fold.devices { try device.read(from: reader, in: fold) }
        for series in fold.series { try series.read(from: reader) }
        return (fold, directory)
    }

    // MARK: Numbering

    private static func write(_ directory: SeriesDirectory, to out: SnapshotWriter) {
        for names in [directory.devices, directory.registers] {
            for i in 0..<names.count {
                names.withBytes(of: UInt32(i)) { name in
                    out.count(name.count)
                    out.bytes(UnsafeRawBufferPointer(name))
                }
            }
        }
        for i in 0..<UInt32(directory.seriesCount) {
            out.varint(UInt64(directory.device(ofSeries: i)))
            out.varint(UInt64(directory.register(ofSeries: i)))
        }
    }

    private static func readDirectory(
        _ head: SnapshotHead,
        from reader: SnapshotReader
    ) throws(SnapshotFault) -> SeriesDirectory {
        var directory = SeriesDirectory()
        func name() throws(SnapshotFault) -> ContiguousArray<UInt8> {
            let name = try reader.bytes(try reader.count())
            guard String(validating: name, as: UTF8.self) != nil else { throw reader.malformed("a name not UTF-8") }
            return name
        }
        for i in 0..<head.deviceCount {
            let number = try name().withUnsafeBufferPointer { directory.device(named: $0) }
            guard number == i else { throw reader.malformed("a device twice") }
        }
        for i in 0..<head.registerCount {
            let number = try name().withUnsafeBufferPointer { directory.register(named: $0) }
            guard number == i else { throw reader.malformed("a register twice") }
        }
        for i in 0..<head.seriesCount {
            let device = UInt32(try reader.index(below: head.deviceCount))
            let register = UInt32(try reader.index(below: head.registerCount))
            guard directory.series(device: device, register: register) == i else {
                throw reader.malformed("a series twice")
            }
        }
        return directory
    }

    // MARK: What concerns no device alone

    private func writeCommon(to out: SnapshotWriter) {
        out.count(turnedDays.count)
        for (zone, at) in turnedDays.sorted(by: { $0.key < $1.key }) {
            out.text(zone.text)
            out.zigzag(at)
        }
        out.count(tariffs.count)
        for (_, tariff) in tariffs.sorted(by: { $0.key < $1.key }) { out.event(.tariffPublished(tariff.event)) }
        out.count(jobs.count)
        for (_, job) in jobs.sorted(by: { $0.key < $1.key }) { job.write(to: out) }
        out.count(earlyOutcomes.count)
        for (_, outcomes) in earlyOutcomes.sorted(by: { $0.key < $1.key }) {
            out.count(outcomes.count)
            for (outcome, position) in outcomes {
                out.event(.pushSettled(outcome))
                out.position(position)
            }
        }
    }

    private func readCommon(from reader: SnapshotReader) throws(SnapshotFault) {
        for _ in 0..<(try reader.count()) { turnedDays[ByteName(try reader.text())] = try reader.zigzag() }
        for _ in 0..<(try reader.count()) {
            guard case .tariffPublished(let event) = try reader.event() else { throw reader.malformed("no tariff") }
            tariffs[ByteName(event.tariff)] = PublishedTariff(event: event, rates: RateSchedule.Tariff(event))
        }
        for _ in 0..<(try reader.count()) {
            let job = try PushJobRow(from: reader, deviceCount: devices.count)
            jobs[ByteName(job.job)] = job
        }
        for _ in 0..<(try reader.count()) {
            for _ in 0..<(try reader.count()) {
                guard case .pushSettled(let outcome) = try reader.event() else { throw reader.malformed("no outcome") }
                earlyOutcomes[ByteName(outcome.job), default: []].append((outcome, try reader.position()))
            }
        }
    }
}

extension PushJobRow {
    fileprivate func write(to out: SnapshotWriter) {
        out.text(job)
        out.varint(UInt64(deviceID))
        out.word(rule)
        out.zigzag(episode)
        out.word(kind)
        out.instant(requestedAt)
        out.position(requestedPosition)
        out.optional(requestedEventTime, out.instant)
        out.zigzag(staleAfterMilliseconds)
        out.word(state.rawValue)
        out.zigzag(attempts)
        out.optional(lastOutcome, out.text)
        out.optional(outcomeAt, out.instant)
        out.optional(outcomePosition, out.position)
    }

    fileprivate init(from reader: SnapshotReader, deviceCount: Int) throws(SnapshotFault) {
        self.init(
            job: try reader.text(),
            deviceID: UInt32(try reader.index(below: deviceCount)),
            rule: try reader.word(),
            episode: try reader.zigzag(),
            kind: try reader.word(),
            requestedAt: try reader.instant(),
            requestedPosition: try reader.position(),
            requestedEventTime: try reader.optional(reader.instant),
            staleAfterMilliseconds: try reader.zigzag(),
            state: try PushJobRow.state(from: reader),
            attempts: try reader.zigzag(),
            lastOutcome: try reader.optional(reader.text),
            outcomeAt: try reader.optional(reader.instant),
            outcomePosition: try reader.optional(reader.position)
        )
    }

    private static func state(from reader: SnapshotReader) throws(SnapshotFault) -> PushState {
        guard let state = PushState(rawValue: try reader.word()) else { throw reader.malformed("a job in no state") }
        return state
    }
}
