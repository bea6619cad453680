import ArgumentParser
import EventStorage
import MeterModel
import RecordLog

/// `log give-up`: goes on without records that are damaged beyond repair.
struct GiveUpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "give-up",
        abstract: "Gives up records that are damaged beyond repair, so that the log can be gone on with.",
        discussion: """
            The last resort: run 'verify --repair' first, and if a backup has the segment, copy it from there. What is \
            lost of a segment reaches from its first damaged block to its end. Unless all that is lost is named by \
            --positions, it is listed and nothing is changed. Where no record is lost, but the header or the index of \
            a segment, these are made anew.

            In the place of the lost records the log then has a hole, of which 'verify', 'query' and the views speak \
            for good. The damaged segment and the views as they were are kept in DIR/damaged: the old views still have \
            what the lost records said, so that balances can be put right by BalanceAdjusted events.

            Exits 1 if something is lost and was not given up.
            """
    )

    @OptionGroup var location: DataOption
    @Option(
        help: ArgumentHelp(
            "What to give up, as it is listed; once for each. Where the end is not known a later one may be named.",
            valueName: "first-last"
        )
    )
    var positions: [String] = []

    func validate() throws {
        for text in positions where GiveUpCommand.range(text) == nil {
            throw ValidationError("--positions takes two positions such as 4097-8192, not '\(text)'")
        }
    }

    private static func range(_ text: String) -> ClosedRange<UInt64>? {
        let bounds = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt64($0) }
        guard bounds.count == 2, let first = bounds[0], let last = bounds[1], first > 0, first <= last else {
            return nil
        }
        return first...last
    }

    func run() throws {
        let directory = location.directory
        try directory.requireWritable()
        let expected = Views.seenPosition(directory)
        let holes = try EventLogHoles(
            directory: directory.path,
            holder: CommandLine.arguments.joined(separator: " ")
        )
        defer { holes.close() }
        let losses = try holes.losses(expectedHead: expected)
        guard !losses.isEmpty else { return Terminal.print("nothing is lost") }
        try requireBeyondRepair(losses, directory)
        let named = positions.compactMap { GiveUpCommand.range($0) }
        let lost = losses.filter { $0.positions != nil }
        guard lost.allSatisfy({ GiveUpCommand.end(of: $0, named) != nil }) else {
            for loss in losses { Terminal.print(words(loss)) }
            let options = lost.compactMap(\.positions).map { "--positions \($0.lowerBound)-\($0.upperBound)" }
            Terminal.error(
                "meterfold: nothing was changed; if a backup has these segments, copy them from its log/; to go on "
                    + "without what is lost, name it: " + options.joined(separator: " ")
            )
            throw ExitCode(1)
        }
        try giveUp(losses.count, named, holes, directory, expected)
    }

    /// Where the hole of a loss ends by what is named; nil if the loss is not named.
    private static func end(of loss: LogLoss, _ named: [ClosedRange<UInt64>]) -> UInt64? {
        guard let lost = loss.positions,
            let range = named.first(where: {
                $0.lowerBound <= lost.lowerBound && $0.upperBound >= lost.upperBound
            })
        else { return nil }
        return loss.isEndKnown ? lost.upperBound : range.upperBound
    }

    private func giveUp(
        _ limit: Int,
        _ named: [ClosedRange<UInt64>],
        _ holes: EventLogHoles,
        _ directory: DataDirectory,
        _ expected: Position
    ) throws {
        let now = SystemClock().now()
        let time = ParityUpkeep.nameText(now)
        if let kept = try Views.moveAside(directory, at: time) {
            Terminal.print("the views as they were are kept as \(kept)")
        }
        let upkeep = ParityUpkeep(directory)
        let makesParity = try AppConfiguration.load(directory).makesParity
        // One at a time: what is lost behind may turn out less once this is filled.
        for _ in 0..<limit {
            guard let loss = try holes.losses(expectedHead: expected).first else { break }
            let last = GiveUpCommand.end(of: loss, named) ?? loss.positions?.upperBound ?? 0
            let kept = try holes.giveUp(
                loss,
                through: Position(last),
                recordedBy: "log give-up",
                now: now,
                keptAs: time
            )
            if let positions = loss.positions {
                Terminal.print("gave up positions \(positions.lowerBound) to \(last) of \(loss.segment)")
            } else {
                Terminal.print("made header and index of \(loss.segment) anew; nothing of it is lost")
            }
            if let kept { Terminal.print("the damaged segment is kept as \(kept)") }
            if makesParity, try upkeep.parity.sealedSegments().contains(loss.segment) {
                _ = try upkeep.mend(loss.segment, at: now, makesParity: true, contentDigest: EventContent.digest())
            }
        }
    }

    private func requireBeyondRepair(_ losses: [LogLoss], _ directory: DataDirectory) throws {
        let parity = ParityUpkeep(directory).parity
        let sealed = Set(try parity.sealedSegments())
        for loss in losses where sealed.contains(loss.segment) {
            let verdict = try parity.inspect(loss.segment, contentDigest: EventContent.digest())
            guard verdict.state == .repairable else { continue }
            throw Failure(
                place: "\(directory.log)/\(loss.segment)",
                cause: "the segment is damaged, and can be rebuilt from its parity",
                hint: "run 'meterfold verify --repair': nothing needs to be given up there"
            )
        }
    }

    private func words(_ loss: LogLoss) -> String {
        guard let positions = loss.positions else {
            return "\(loss.segment): \(loss.text); no record is lost, they are made anew"
        }
        let end =
            loss.isEndKnown
            ? "" : "; nothing tells whether more was acknowledged: if a sender was told of a later position, name that"
        return "\(loss.segment): positions \(positions.lowerBound) to \(positions.upperBound) are lost: "
            + loss.text + end
    }
}
