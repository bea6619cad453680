package import MeterModel

/// What a what-if supposes in place of what the log says: other tariffs, other assignments, and a span of time outside
/// of which nothing happened.
///
/// Tariffs hold from the beginning: whatever the log publishes under the same id has no effect. An assignment is there
/// from its device's registration on, and from its date on goes before whatever the log assigns for that date or a
/// later one.
package struct Supposition: Sendable {
    /// A device's tariff from a local date on; nil: from the beginning.
    package struct Assignment: Hashable, Sendable {
        package var device: String
        package var tariff: String
        package var from: LocalDate?

        package init(device: String, tariff: String, from: LocalDate?) {
            self.device = device
            self.tariff = tariff
            self.from = from
        }
    }

    let tariffs: [ByteName: TariffPublished]
    let assignments: [ByteName: Assignment]
    /// `[from, to)`; nil is no bound.
    let from: Instant?
    let to: Instant?

    /// - Parameters:
    ///   - tariffs: each id once.
    ///   - assignments: each device once; devices that the log registers, tariffs that it or this publishes.
    ///   - from: facts with a time of their own before it are left out.
    ///   - to: facts with this time of their own, or a later one, are left out.
    package init(
        tariffs: [TariffPublished] = [],
        assignments: [Assignment] = [],
        from: Instant? = nil,
        to: Instant? = nil
    ) {
        self.tariffs = Dictionary(tariffs.map { (ByteName($0.tariff), $0) }) { $1 }
        self.assignments = Dictionary(assignments.map { (ByteName($0.device), $0) }) { $1 }
        self.from = from
        self.to = to
    }

    var isBounded: Bool { from != nil || to != nil }

    func counts(_ instant: Instant) -> Bool {
        (from.map { $0 <= instant } ?? true) && (to.map { instant < $0 } ?? true)
    }

    /// Whether an event counts: declarations and corrections of a multiplier always, outcomes of pushes never, for they
    /// tell of jobs that were requested under what the log says.
    func counts(_ event: MeterEvent) -> Bool {
        switch event {
        case .pushSettled: false
        case .deviceRegistered, .tariffPublished, .tariffAssigned, .alertRuleSet, .multiplierCorrected: true
        case .readingCorrected, .readingVoided, .meterExchanged, .topUpReceived, .topUpRefunded, .balanceAdjusted,
            .dayTurned:
            event.time.map { counts($0) } ?? true
        }
    }

    /// Whether an assignment of the log gives way to one that is supposed.
    func replacesAssignment(of device: String, from: LocalDate?) -> Bool {
        guard let supposed = assignments[ByteName(device)] else { return false }
        func key(_ date: LocalDate?) -> Int32 { date?.dayNumber ?? Int32.min }
        return key(supposed.from) <= key(from)
    }
}

extension Fold {
    /// Applies those of a run that count. The device and series of the others are known nevertheless.
    func applyCounting(
        _ readings: UnsafeBufferPointer<ReadingRecord>,
        firstPosition: Position,
        recordedAt: Instant,
        directory: SeriesDirectory
    ) {
        guard let supposition, supposition.isBounded else {
            return apply(readings, firstPosition: firstPosition, recordedAt: recordedAt, directory: directory)
        }
        func counts(_ i: Int) -> Bool { supposition.counts(Instant(milliseconds: readings[i].at)) }
        var start = 0
        while start < readings.count {
            var end = start
            while end < readings.count, counts(end) { end += 1 }
            if end > start {
                apply(
                    UnsafeBufferPointer(rebasing: readings[start..<end]),
                    firstPosition: firstPosition.advanced(by: start),
                    recordedAt: recordedAt,
                    directory: directory
                )
            }
            start = end + 1
        }
        passOver(through: firstPosition.advanced(by: readings.count - 1), directory: directory)
    }

    /// Applies an event if it counts.
    func applyCounting(_ event: MeterEvent, position: Position, recordedAt: Instant, directory: SeriesDirectory) {
        if supposition?.counts(event) ?? true {
            apply(event, position: position, recordedAt: recordedAt, directory: directory)
        } else {
            passOver(through: position, directory: directory)
        }
    }

    /// Goes on to a position without what lies before it: it has nothing to say here.
    func passOver(through position: Position, directory: SeriesDirectory) {
        grow(to: directory)
        self.position = position
    }

    /// Goes on behind records that were given up; what they said is missing from every row, and `holes` says so.
    func lose(_ positions: ClosedRange<Position>, directory: SeriesDirectory) {
        passOver(through: positions.upperBound, directory: directory)
        holes.append(positions)
    }
}
