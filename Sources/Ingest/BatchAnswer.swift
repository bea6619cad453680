import EventStorage
import MeterModel

/// What senders are told once a batch is durable.
///
/// Invariant: made before the log sorts the batch; `settle` is called once it has, unless nothing was in it, and `send`
/// or `refuse` after that, once.
struct BatchAnswer {
    /// An event that a part of the program has made, and who waits for its position.
    struct Recorded {
        var place: Int
        var then: @Sendable (Result<Position, any Error>) -> Void
    }

    /// A sender: how much of what it sent is answered with this batch, and what of it will get its lowest and highest
    /// position.
    private struct Sender {
        var session: LineSession
        var lineCount: UInt64
        var hasReachedEnd: Bool
        var isEmpty: Bool
        var lowest: BatchShare.Extreme?
        var highest: BatchShare.Extreme?
    }

    private var senders: [Sender]
    private var recorded: [Recorded]
    /// Whether the whole batch is the one sender's.
    private let isOfOne: Bool

    /// Takes over from sessions what their shares of the batch are.
    ///
    /// - Parameters:
    ///   - sessions: who waits for an answer.
    ///   - recorded: by place among the batch's events.
    ///   - batch: in order of arrival.
    ///   - directory: knows its series.
    init(_ sessions: [LineSession], _ recorded: [Recorded], batch: EventBatch, _ directory: SeriesDirectory) {
        self.recorded = recorded
        let isOfOne = sessions.count == 1 && recorded.isEmpty
        self.isOfOne = isOfOne
        senders = sessions.map { session in
            let share = session.share
            session.share = BatchShare()
            session.isWaiting = false
            session.summary.taken.accepted += share.count
            let findsExtremes = !isOfOne && !share.isEmpty
            let isFirst = session.summary.taken.firstPosition == nil
            return Sender(
                session: session,
                lineCount: session.summary.lineCount,
                hasReachedEnd: session.hasReachedEnd,
                isEmpty: share.isEmpty,
                lowest: findsExtremes && isFirst ? share.lowest(in: batch, directory) : nil,
                highest: findsExtremes ? share.highest(in: batch, directory) : nil
            )
        }
    }

    /// Takes in where the batch is.
    ///
    /// - Parameters:
    ///   - batch: as the log has sorted it.
    ///   - first: the position of its first record.
    ///   - directory: knows its series.
    mutating func settle(_ batch: EventBatch, first: Position, _ directory: SeriesDirectory) {
        func position(_ item: BatchShare.Extreme) -> Position {
            BatchShare.position(of: item, in: batch, first: first, directory)
        }
        for sender in senders where !sender.isEmpty {
            let (session, last) = (sender.session, first.advanced(by: batch.count - 1))
            let lowest = isOfOne ? first : sender.lowest.map(position)
            // A batch before it may have settled the first since.
            session.summary.taken.firstPosition = session.summary.taken.firstPosition ?? lowest
            session.summary.taken.lastPosition = isOfOne ? last : sender.highest.map(position)
        }
        for recorded in recorded {
            let place = batch.events[recorded.place].readingIndex + recorded.place
            recorded.then(.success(first.advanced(by: place)))
        }
        // They are told once, whatever keeps senders from being answered.
        recorded.removeAll()
    }

    /// Tells senders that it is durable.
    func send() {
        for sender in senders {
            if let reply = sender.session.acknowledgement(ofLines: sender.lineCount) {
                sender.session.follower.reply(reply)
            }
            if sender.hasReachedEnd { sender.session.end(nil) }
        }
    }

    /// Tells everybody that nothing will come of it.
    func refuse(_ error: any Error) {
        for recorded in recorded { recorded.then(.failure(error)) }
        for sender in senders { sender.session.end(SessionFault(.unavailable, "\(error)")) }
    }
}
