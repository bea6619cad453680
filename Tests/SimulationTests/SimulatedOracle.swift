import EventStorage
import FleetSimulator
import MeterModel
import OracleRows
import Projections
import ReadModel
import RecordLog
import ReferenceFold

/// Says whether what a run left is what must be there.
struct SimulatedOracle {
    private let run: SimulatedRun

    init(_ run: SimulatedRun) { self.run = run }

    /// Judges a run that came to rest.
    func check(_ tally: inout SimulatedRun.Tally) throws {
        guard run.falseNames.isEmpty else { return try checkFalse(&tally) }
        try checkVerification(&tally)
        try checkRecords(try SimulatedRecord.all(of: run.disk), &tally)
        try checkDamage(&tally)
    }

    /// Judges a run whose log was refused, and which no parity could help.
    func checkRefused(_ tally: inout SimulatedRun.Tally) throws {
        if run.falseNames.isEmpty { throw Misbehaviour("it was refused, and nothing is wrong with it") }
        try expectShownFalse()
    }

    // MARK: The log

    /// The disk holds something else than was written, and the server knows nothing of it or goes on all the same.
    private func checkFalse(_ tally: inout SimulatedRun.Tally) throws {
        tally[.shown] += 1
        try expectShownFalse()
        // Where all of it can be read, all is right.
        guard let records = try? SimulatedRecord.all(of: run.disk) else { return }
        try checkRecords(records, &tally)
    }

    /// What a disk that lied holds is known as damage, and what can be read of it is true.
    private func expectShownFalse() throws {
        let disk = run.disk.copy(seed: 1)
        disk.restart()
        do {
            try SimulatedOracle.expectTrue(disk, run.witness.records, isWhole: false)
            try SimulatedDamage.expectShown(on: disk, head: run.toldHead, isExact: false)
        } catch let error as Misbehaviour {
            throw Misbehaviour("\(run.falseNames) after \(disk.lieCounts): \(error)")
        }
    }

    private func checkRecords(_ records: [SimulatedRecord], _ tally: inout SimulatedRun.Tally) throws {
        tally[.events] = records.count
        for (i, (record, known)) in zip(records, run.witness.records).enumerated() where record != known {
            throw Misbehaviour("place \(i + 1) has \(record), and was \(known)")
        }
        if records.count != run.witness.records.count {
            throw Misbehaviour("\(records.count) records, and \(run.witness.records.count) were written")
        }
        try checkLines(records)
        try SimulatedDays(run).check(records, &tally)
        try checkPushes(records, &tally)
        try checkViews(records)
        try checkRebuild()
    }

    private func checkVerification(_ tally: inout SimulatedRun.Tally) throws {
        let report = try EventLogVerification.run(
            directory: SimulatedServer.directory,
            fileSystem: run.disk,
            expectedHead: run.toldHead
        )
        tally[.segments] = report.log.segmentCount
        if report.hasDamage { throw Misbehaviour("verify finds damage: \(report.log.findings)") }
    }

    /// Every line that was acknowledged is in the log or was refused, none is there more often than it was sent, and
    /// nothing is there that nobody said.
    private func checkLines(_ records: [SimulatedRecord]) throws {
        var found: [Fact: Int] = [:]
        for (i, record) in records.enumerated() {
            guard record.position == UInt64(i + 1) else {
                throw Misbehaviour("position \(record.position) at place \(i + 1)")
            }
            found[record.fact, default: 0] += 1
        }
        var most: [Fact: Int] = [:]
        for client in run.clients {
            for (i, line) in client.script.enumerated() {
                guard let fact = line.fact else {
                    if client.refusals[i] == nil { throw Misbehaviour("accepted: \(line.text)") }
                    continue
                }
                if let code = client.refusals[i] {
                    // It may need what is lost.
                    if run.witness.lost.isEmpty { throw Misbehaviour("refused with \(code): \(line.text)") }
                } else if found[fact, default: 0] == 0, !run.witness.lost.contains(fact) {
                    throw Misbehaviour("acknowledged and not there: \(line.text)")
                }
                most[fact, default: 0] += client.sendCounts[i]
            }
        }
        for (fact, count) in found {
            switch fact {
            case .event(.pushSettled), .event(.dayTurned): continue
            default: break
            }
            if count > most[fact, default: 0] {
                throw Misbehaviour("\(count) times there, sent \(most[fact, default: 0]) times: \(fact)")
            }
        }
    }

    // MARK: Pushes

    /// Each job of the views came to one end, which the receiver knows of.
    private func checkPushes(_ records: [SimulatedRecord], _ tally: inout SimulatedRun.Tally) throws {
        var finals: [String: [PushOutcome.Kind]] = [:]
        for case .event(.pushSettled(let outcome)) in records.map(\.fact) where outcome.kind != .failed {
            finals[outcome.job, default: []].append(outcome.kind)
        }
        for (job, kinds) in finals {
            if kinds.count > 1 { throw Misbehaviour("\(job) has the outcomes \(kinds)") }
            if kinds == [.delivered], run.receiver.takenCounts[job, default: 0] == 0 {
                throw Misbehaviour("\(job) was delivered to nobody")
            }
        }
        if let job = run.receiver.repeated.first { throw Misbehaviour("\(job) was told again") }
        tally[.pushes] = finals.count
        tally[.delivered] = finals.values.count { $0 == [.delivered] }
        // What was told of may be lost, and happen once more in another way.
        guard run.witness.lost.isEmpty else { return }
        for job in run.receiver.takenCounts.keys where finals[job] == nil {
            throw Misbehaviour("\(job) was told, and has no outcome")
        }
        if let job = run.receiver.changedBodies.first { throw Misbehaviour("\(job) was told in two ways") }
    }

    // MARK: Views

    private func checkViews(_ records: [SimulatedRecord]) throws {
        var texts: [Fact: String] = [:]
        for line in run.clients.flatMap(\.script) {
            if let fact = line.fact { texts[fact] = line.text }
        }
        var inOrder = ReferenceFold(recordedAt: 0)
        var once = ReferenceFold(recordedAt: records.map(\.recordedAt.milliseconds).max() ?? 0)
        var seen: Set<Fact> = []
        for record in records {
            guard let text = texts[record.fact] ?? SimulatedOracle.text(of: record.fact) else {
                throw Misbehaviour("nobody said \(record.fact)")
            }
            let recordedAt = record.recordedAt.milliseconds
            let judged = inOrder.ingest(ndjsonLine: text, position: Int(record.position), recordedAt: recordedAt)
            guard case .accepted = judged else { throw Misbehaviour("\(text) is there, and \(judged)") }
            if seen.insert(record.fact).inserted { _ = once.ingest(ndjsonLine: text) }
        }
        // The oracle's episodes take most of the time: of what follows from them not everything is asked each time.
        var random = run.random
        let asked = [AskedQuery.day, .balance, .pushes] + AskedQuery.allCases.shuffled(using: &random).prefix(2)
        for query in Set(asked).sorted(by: { $0.rawValue < $1.rawValue }) {
            let rows = try run.store.compactRows(query, zones: simulatedZones)
            if let text = difference(rows, inOrder.rows(query.reference)) {
                throw Misbehaviour("\(query.rawValue): \(text)")
            }
        }
        // However often a fact came, it counts once.
        for query in [AskedQuery.day, .ledger] {
            let rows = try run.store.compactRows(query, zones: simulatedZones)
            if let text = difference(rows, once.rows(query.reference)) {
                throw Misbehaviour("counted twice, \(query.rawValue): \(text)")
            }
        }
    }

    /// What the server recorded by itself as a line.
    private static func text(of fact: Fact) -> String? {
        if case .event(.dayTurned(let day)) = fact {
            return "{\"event\":\"DayTurned\",\"timezone\":\"\(day.timezone)\",\"at\":\"\(day.at.rfc3339)\"}"
        }
        guard case .event(.pushSettled(let outcome)) = fact else { return nil }
        var text =
            "{\"event\":\"\(outcome.kind.eventName)\",\"job\":\"\(outcome.job)\",\"at\":\"\(outcome.at.rfc3339)\""
        if let channel = outcome.channel { text += ",\"channel\":\"\(channel)\"" }
        if let attempt = outcome.attempt { text += ",\"attempt\":\(attempt)" }
        if let response = outcome.response { text += ",\"response\":\"\(response)\"" }
        return text + "}"
    }

    private func checkRebuild() throws {
        let fresh = try ViewStore.inMemory()
        let projector = ViewProjector(store: fresh, zones: simulatedZones)
        let reader = try EventLogReader(directory: SimulatedServer.directory, fileSystem: run.disk)
        _ = try projector.fold(reader)
        try projector.commit(chain: reader.chain.bytes)
        let comparison = try ViewComparison.compare(run.store, fresh)
        if !comparison.isEqual {
            throw Misbehaviour("rebuilt differs: \(comparison.tables.filter { $0.differenceCount > 0 })")
        }
    }

    // MARK: Damage

    /// Damages a copy of the disk, and looks whether that shows.
    private func checkDamage(_ tally: inout SimulatedRun.Tally) throws {
        var random = run.random
        for _ in 0..<2 {
            let damaged = run.disk.copy(seed: random.next())
            guard let damage = SimulatedDamage(damaged, former: run.formerDisk, &random) else { continue }
            tally[.damages] += 1
            do {
                try SimulatedDamage.expectShown(on: damaged, head: run.toldHead)
                try SimulatedOracle.expectTrue(damaged, run.witness.records, isWhole: true)
            } catch let error as Misbehaviour {
                throw Misbehaviour("\(damage): \(error)")
            }
        }
    }

    /// What can be read of a damaged log is what was written; `isWhole` says that all of that is among `records`.
    private static func expectTrue(
        _ damaged: SimulatedFileSystem,
        _ records: [SimulatedRecord],
        isWhole: Bool
    ) throws {
        var directory = SeriesDirectory()
        do {
            let reader = try EventLogReader(directory: SimulatedServer.directory, fileSystem: damaged)
            try reader.forEachBlock(from: .origin) { block in
                try block.extend(&directory)
                for record in SimulatedRecord.of(block, directory) {
                    if !isWhole, record.position > records.count { continue }
                    guard record.position <= records.count, records[Int(record.position) - 1] == record else {
                        throw Misbehaviour("position \(record.position) now reads \(record.fact)")
                    }
                }
                return .proceed
            }
        } catch let error as Misbehaviour {
            throw error
        } catch {
            // Reported.
        }
    }
}
