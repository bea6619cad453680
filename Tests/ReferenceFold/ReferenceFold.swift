/// The semantics written down a second time, slowly and directly: the oracle the fast fold is held against.
///
/// Nothing is kept up to date here: each query folds the log again from its first event, and a device's balance is
/// computed anew after each event that concerns it. Every rule names the section of the semantics it comes from.
public struct ReferenceFold: Sendable {
    /// What became of a line.
    public enum Outcome: Equatable, Sendable {
        /// The event has this position.
        case accepted(position: Int)
        /// The line has no effect; the code is one of the semantics' section 9.
        case refused(code: String)
    }

    /// Defaults for what a line lacks; set before the lines they concern.
    public var defaults = InputDefaults()

    private let recordedAt: Int64
    private var admission = Admission()
    /// Ascending by position.
    private var log: [RecordedEvent] = []

    /// An empty log.
    ///
    /// - Parameter recordedAt: the clock at which lines are accepted, in milliseconds since 1970.
    public init(recordedAt: Int64) {
        self.recordedAt = recordedAt
    }

    /// The position of the latest event, 0 where there is none.
    public var head: Int {
        log.last?.position ?? 0
    }

    /// Accepts a line at the next position, or refuses it.
    public mutating func ingest(ndjsonLine line: String) -> Outcome {
        ingest(ndjsonLine: line, position: head + 1, recordedAt: recordedAt)
    }

    /// Accepts a line at a position given to it elsewhere, or refuses it.
    ///
    /// Lines are judged in the order of these calls. Positions may come in any order, each once.
    ///
    /// - Precondition: no accepted line has the position.
    public mutating func ingest(ndjsonLine line: String, position: Int, recordedAt: Int64) -> Outcome {
        do throws(Refusal) {
            let (event, unit) = try read(line, recordedAt: recordedAt)
            admission.accept(event, unit: unit)
            let dimension = event.device.flatMap { admission.device($0).dimension }
            insert(RecordedEvent(position: position, event: event, dimension: dimension))
            return .accepted(position: position)
        } catch {
            return .refused(code: error.code.rawValue)
        }
    }

    /// Goes on as if the events at these positions were not known.
    public mutating func forget(_ positions: ClosedRange<Int>) {
        log.removeAll { positions.contains($0.position) }
    }

    private func read(_ line: String, recordedAt: Instant) throws(Refusal) -> (event: Event, unit: MeterUnit?) {
        var reader = try LineReader(line, admission, recordedAt: recordedAt, defaults: defaults)
        let event = try reader.read()
        return (event, reader.unit)
    }

    private mutating func insert(_ recorded: RecordedEvent) {
        var index = log.count
        while index > 0, log[index - 1].position > recorded.position { index -= 1 }
        precondition(index == 0 || log[index - 1].position < recorded.position, "a position is given once")
        log.insert(recorded, at: index)
    }

    /// The rows of a query, one compact JSON object each.
    ///
    /// Keys stand in the order of section 10's table, without `detail` and `requestedAt`; there are no spaces, and
    /// non-ASCII characters are as they are.
    ///
    /// - Parameters:
    ///   - query: what to print.
    ///   - position: `--at-position`: the log up to and including it; nil is the whole log.
    ///   - instant: `--as-of`, in milliseconds since 1970; for consumption, balance and ledger alone.
    /// - Returns: the rows in section 10's order.
    /// - Precondition: `asOf` is given for consumption, balance or ledger only (section 8).
    public func rows(
        _ query: ReferenceQuery,
        atPosition position: Int? = nil,
        asOf instant: Int64? = nil
    ) -> [String] {
        precondition(instant == nil || query.allowsAsOf, "section 8: as-of goes with consumption, balance and ledger")
        let known = log.filter { recorded in position.map { recorded.position <= $0 } ?? true }
        return QueryRows(known, asOf: instant).rows(query).map(\.text)
    }
}

/// A query of section 10.
public enum ReferenceQuery: Hashable, Sendable {
    /// `consumption --by hour|day|month`.
    case consumption(by: BucketSize)
    /// `balance`.
    case balance
    /// `ledger`, of all devices.
    case ledger
    /// `arrears`.
    case arrears
    /// `episodes`.
    case episodes
    /// `pushes`.
    case pushes
    /// `anomalies`.
    case anomalies
    /// `devices`.
    case devices

    /// Section 8: "`--as-of` goes with `consumption`, `balance` and `ledger`".
    public var allowsAsOf: Bool {
        switch self {
        case .consumption, .balance, .ledger: true
        case .arrears, .episodes, .pushes, .anomalies, .devices: false
        }
    }
}
