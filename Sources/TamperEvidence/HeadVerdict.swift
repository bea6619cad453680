package import RecordLog

/// What a verified log says to a head that was kept.
package struct HeadVerdict: Sendable, Hashable {
    /// How it turned out.
    package enum Outcome: String, Sendable {
        /// Every event up to the head's position is the one that was there.
        case proved
        /// The log ends before the head.
        case cut
        /// The log's first block is another.
        case otherLog = "other-log"
        /// Something up to the head's position is not what it was.
        case altered
        /// The log is damaged before the head, or records there were given up, so that the chain does not prove all.
        case unproved
    }

    /// The head as it was kept.
    package var document: HeadDocument
    /// How it turned out.
    package var outcome: Outcome
    /// The positions concerned; nil where all is well.
    package var positions: ClosedRange<UInt64>?
    /// One sentence.
    package var text: String

    /// Holds heads against a log that was verified with their positions as `chainPositions`.
    ///
    /// - Parameters:
    ///   - documents: The heads.
    ///   - report: What the verification found.
    /// - Returns: A verdict each, in the order of positions.
    package static func verdicts(_ documents: [HeadDocument], on report: VerificationReport) -> [HeadVerdict] {
        var proved: UInt64 = 0
        return documents.sorted { $0.head.position < $1.head.position }.map { document in
            let verdict = verdict(document, on: report, proved: proved)
            if verdict.outcome == .proved { proved = document.head.position }
            return verdict
        }
    }

    /// The verdict on one head, of which an earlier one proves the log up to `proved`.
    private static func verdict(
        _ document: HeadDocument,
        on report: VerificationReport,
        proved: UInt64
    ) -> HeadVerdict {
        let head = document.head
        func verdict(_ outcome: Outcome, _ positions: ClosedRange<UInt64>?, _ text: String) -> HeadVerdict {
            HeadVerdict(document: document, outcome: outcome, positions: positions, text: text)
        }
        let concerned = min(proved + 1, head.position)...head.position
        let range = "positions \(concerned.lowerBound) to \(concerned.upperBound)"
        if report.head == 0, !report.hasDamage {
            return verdict(.cut, 1...head.position, "the log is empty: all of it is gone, or this is another directory")
        }
        if report.hasDamage, report.firstChain == .zero {
            return verdict(.unproved, concerned, "the log's first block is damaged")
        }
        let holes = report.holes.filter { $0.lowerBound <= head.position }
        guard report.firstChain == head.log || holes.first?.lowerBound == 1 else {
            return verdict(
                .otherLog,
                concerned,
                "the log's first block is not that of the head: it is another log, or one written anew from its start"
            )
        }
        guard head.position <= report.head else {
            let missing = report.head + 1...head.position
            return verdict(
                .cut,
                missing,
                "the log ends at position \(report.head): positions \(missing.lowerBound) to \(missing.upperBound) "
                    + "were there and are gone, or this is an older copy of the log"
            )
        }
        if let hole = holes.last, hole.contains(head.position) {
            return verdict(.unproved, hole, "positions \(hole.lowerBound) to \(hole.upperBound) were given up")
        }
        guard let found = report.chains[head.position] else {
            return verdict(
                .altered,
                concerned,
                "no block ends at position \(head.position), where one did: events in \(range) were altered, dropped, "
                    + "added or put in another order"
            )
        }
        guard found.chain == head.chain else {
            return verdict(
                .altered,
                concerned,
                "the chain is another at position \(head.position): events in \(range) were altered, dropped, added or "
                    + "put in another order"
            )
        }
        if let hole = holes.last, !report.hasDamage {
            return verdict(
                .unproved,
                1...hole.upperBound,
                "positions \(hole.lowerBound) to \(hole.upperBound) were given up; what is behind them is as it was, "
                    + "what is before them this head does not prove"
            )
        }
        guard found.isProved else {
            return verdict(.unproved, concerned, "the log is damaged before position \(head.position)")
        }
        return verdict(.proved, nil, "every event up to position \(head.position) is as it was")
    }
}
