import Access
package import Admission
import EventStorage
package import MeterModel
import Telegrams

/// Takes what many senders send to the log, and answers each once its lines are durable.
///
/// Invariants: what is pending in the intake is of `recordedBy` alone; every session with something unanswered is in
/// `waiting`, or in `answers` where the log has the batch; `shares` of sessions speak of the intake's pending batch.
/// `answers` has one element for each batch that the log has and that is not answered, in its order. After `commit`
/// nothing is pending or waiting. Used from one place at a time. Once a call has thrown, the log has failed and nothing
/// more may be taken in.
package final class LiveIntake {
    /// Names that may be remembered beside those of the log's devices before the table is begun anew.
    package static let maximumStrayNameCount = 1 << 20

    private let intake: Intake
    private let strayNameCount: Int
    /// Whether a full batch goes to the log on a thread of its own while more is taken in.
    var appendsAhead = false
    private var names = TelegramNames()
    private var generation = 1
    private var batch = DecodedBatch()
    private var waiting: [LineSession] = []
    private var recorded: [BatchAnswer.Recorded] = []
    private var answers: [BatchAnswer] = []
    /// What kept the log or the quarantine from being written.
    private(set) var failure: (any Error)?
    /// Called when more has become durable, before anybody is answered.
    var onDurable: () -> Void = {}

    /// - Parameters:
    ///   - writer: the log.
    ///   - admission: knows all that the log holds.
    ///   - clock: says when a batch is recorded.
    ///   - quarantine: keeps what is refused and not answered.
    ///   - maximumStrayNameCount: names that may be remembered beside those of the log's devices.
    package init(
        writer: any BatchAppending,
        admission: sending Admission,
        clock: any WallClock,
        quarantine: any RefusedLineKeeping,
        maximumStrayNameCount: Int = LiveIntake.maximumStrayNameCount
    ) {
        strayNameCount = maximumStrayNameCount
        intake = Intake(
            writer: writer,
            admission: admission,
            clock: clock,
            quarantine: quarantine,
            recordedBy: "",
            logged: { _, _, _, _ in }
        )
        intake.logged = { [unowned self] batch, first, _, directory in
            onDurable()
            answers[0].settle(batch, first: first, directory)
        }
    }

    /// The last durable position.
    package var head: Position { intake.head }

    /// What was taken in and refused since the beginning.
    package var summary: IntakeSummary { intake.summary }

    /// The file of refused lines, once one was kept.
    package var quarantinePath: String? { intake.quarantinePath }

    /// What is known of devices, currencies and references.
    package var admission: Admission { intake.admission }

    /// Whether a commit has something to do.
    package var hasPending: Bool {
        !waiting.isEmpty || !recorded.isEmpty || !intake.pending.isEmpty || !answers.isEmpty
    }

    /// Whether a batch is being appended while more is taken in.
    var isAppending: Bool { intake.isAppending }

    /// How long the last append took.
    var appendDuration: Duration { intake.appendDuration }

    /// Takes in bytes of a session; they are answered by a later `commit`.
    ///
    /// - Throws: what keeps the log or the quarantine from being written.
    package func take(_ bytes: [UInt8], isLast: Bool, from session: LineSession) throws {
        if session.hasEnded { return session.follower.consumed(byteCount: bytes.count) }
        beginNamesAnewIfMany()
        var reply: [UInt8] = []
        do {
            try session.decode(bytes, isLast: isLast, names: &names, generation: generation, into: &batch) {
                batch,
                chunk,
                names in
                try admit(&batch, chunk, names, from: session, into: &reply)
            }
        } catch let fault as SessionFault {
            try end(session, fault, &reply)
        }
        if !reply.isEmpty { session.follower.reply(reply) }
        if !session.hasEnded {
            // Not sooner: what is committed while it is taken in does not cover the end.
            session.hasReachedEnd = isLast
            wait(session)
        }
        session.follower.consumed(byteCount: bytes.count)
        if intake.isFull { try commitOrBegin() }
    }

    /// Takes in events that a part of the program makes, all or none; they are durable after a later `commit`.
    ///
    /// - Parameters:
    ///   - events: in order.
    ///   - name: who records them, as the log will say.
    ///   - then: is told the last one's position once it is durable, or the `Refusal`.
    /// - Throws: what keeps the log from being written.
    package func take(
        _ events: [MeterEvent],
        recordedBy name: String,
        then: @escaping @Sendable (Result<Position, any Error>) -> Void
    ) throws {
        guard !events.isEmpty else { return then(.success(head)) }
        try turn(to: name)
        do { try intake.admit(events) } catch { return then(.failure(error)) }
        recorded.append(BatchAnswer.Recorded(place: intake.pending.events.count - 1, then: then))
    }

    /// Makes everything taken in durable, the quarantine too, and answers.
    ///
    /// - Throws: what keeps the log or the quarantine from being written.
    package func commit() throws {
        try answerAppended()
        answers.append(takeAnswer())
        try noting { try intake.flush() }
        answers.removeFirst().send()
    }

    private func noting(_ body: () throws -> Void) throws {
        do { try body() } catch {
            failure = failure ?? error
            throw error
        }
    }

    /// Begins to make everything taken in durable, while more may be taken in; `answerAppended` answers.
    ///
    /// - Throws: what keeps the log or the quarantine from being written.
    func beginCommit() throws {
        try answerAppended()
        guard !intake.pending.isEmpty else { return try commit() }
        answers.append(takeAnswer())
        try intake.beginAppend()
    }

    private func commitOrBegin() throws {
        if appendsAhead { try beginCommit() } else { try commit() }
    }

    /// Waits for the batch that is being appended, if one is, and answers.
    ///
    /// - Parameter waits: false: only if there is nothing to wait for.
    /// - Returns: whether a batch was answered.
    /// - Throws: what keeps the log or the quarantine from being written.
    @discardableResult
    func answerAppended(waits: Bool = true) throws -> Bool {
        guard waits ? intake.isAppending : intake.isAppendOver else { return false }
        try noting {
            try intake.endAppend()
            try intake.syncQuarantine()
        }
        answers.removeFirst().send()
        return true
    }

    /// What is to be said once the pending batch is durable; who is told waits for nothing else then.
    private func takeAnswer() -> BatchAnswer {
        defer {
            waiting.removeAll(keepingCapacity: true)
            recorded.removeAll(keepingCapacity: true)
        }
        return BatchAnswer(waiting, recorded, batch: intake.pending, intake.admission.directory)
    }

    /// Ends a session whose sender is gone or must go; what it sent as whole lines is kept.
    package func end(_ session: LineSession, _ fault: SessionFault?) throws {
        if session.isWaiting || !answers.isEmpty { try commit() }
        session.end(fault)
    }

    /// Tells everybody who waits that nothing will come of it: the log has failed.
    func abandon(_ error: any Error) {
        intake.abandonAppend()
        for answer in answers + [takeAnswer()] { answer.refuse(error) }
        answers.removeAll()
    }

    // MARK: Taking in

    private func admit(
        _ batch: inout DecodedBatch,
        _ chunk: UnsafeRawBufferPointer,
        _ names: TelegramNames,
        from session: LineSession,
        into reply: inout [UInt8]
    ) throws {
        if let principal = session.principal { try turn(to: principal.recordedBy) }
        let before = (readings: intake.pending.readings.count, events: intake.pending.events.count)
        intake.admit(batch, names: names, defaults: session.defaults)
        session.share.add(intake.pending, since: before)
        session.summary.taken.ignoredFieldCount += batch.ignoredFieldCount
        session.summary.taken.missingValueCount += batch.missingValueCount
        guard !intake.refused.isEmpty else { return }
        for line in intake.refused { session.refuse(line, into: &reply) }
        if !session.acknowledges || session.terms.keepsRefused {
            try intake.keepRefused(chunk, session.terms.source)
        }
        try session.checkRefusals(accepted: intake.pending.count > before.readings + before.events)
    }

    /// Makes sure that what is taken in next is recorded under a name of its own.
    private func turn(to name: String) throws {
        guard intake.recordedBy != name else { return }
        if !intake.pending.isEmpty { try commitOrBegin() }
        intake.recordedBy = name
    }

    private func end(_ session: LineSession, _ fault: SessionFault, _ reply: inout [UInt8]) throws {
        // What came before the fault is answered first.
        wait(session)
        if !reply.isEmpty { session.follower.reply(reply) }
        reply = []
        try commit()
        session.end(fault)
    }

    private func wait(_ session: LineSession) {
        guard !session.isWaiting else { return }
        session.isWaiting = true
        waiting.append(session)
    }

    /// Whoever sends ever new names in lines that are refused does not make the table grow for good.
    private func beginNamesAnewIfMany() {
        let limit = strayNameCount + intake.admission.directory.deviceCount
        guard names.devices.count > limit || names.registers.count > strayNameCount else { return }
        names = TelegramNames()
        generation += 1
        intake.beginInput()
    }
}
