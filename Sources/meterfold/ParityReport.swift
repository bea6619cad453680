import EventStorage
import MeterModel
import RecordLog

/// What `verify` says of the parity of sealed segments, and what `verify --repair` did with it.
struct ParityReport {
    /// Of segments that are not simply sound, in order.
    private(set) var verdicts: [ParityVerdict] = []
    /// Sound segments without parity.
    private(set) var missingCount = 0
    /// Whether a segment was rebuilt, so that what was found before does not hold any more.
    private(set) var hasRepaired = false
    private let wantsParity: Bool

    /// Looks at all sealed segments, or mends them.
    ///
    /// - Parameters:
    ///   - directory: whose log.
    ///   - found: what the log's verification found.
    ///   - repairs: whether to mend; else nothing is written.
    ///   - wantsParity: whether segments are to have parity.
    /// - Throws: `RecordLogError`.
    init(
        _ directory: DataDirectory,
        _ found: EventVerificationReport,
        repairs: Bool,
        wantsParity: Bool
    ) throws {
        self.wantsParity = wantsParity
        let upkeep = ParityUpkeep(directory)
        let digest = EventContent.digest()
        let damaged = Set(found.log.findings.filter { $0.severity == .damage }.map(\.place.file))
        for name in try upkeep.parity.sealedSegments() {
            var verdict = try upkeep.parity.inspect(name, contentDigest: digest)
            if repairs, verdict.state != .sound {
                verdict = try upkeep.mend(
                    name,
                    at: SystemClock().now(),
                    makesParity: wantsParity,
                    contentDigest: digest
                )
            }
            add(verdict, isDamaged: damaged.contains(name))
        }
    }

    private mutating func add(_ verdict: ParityVerdict, isDamaged: Bool) {
        var verdict = verdict
        switch verdict.state {
        case .sound where !isDamaged: return
        case .parityMissing where !isDamaged:
            missingCount += 1
            return
        case .sound:
            verdict.state = .beyondRepair
            verdict.text = "its parity was made of these very bytes"
        case .parityMissing,
            .parityDamaged where isDamaged:
            verdict.text = verdict.state == .parityMissing ? "it has no parity" : "its parity is damaged too"
            verdict.state = .beyondRepair
        case .repaired: hasRepaired = true
        default: break
        }
        verdicts.append(verdict)
    }

    /// Whether anything is damaged still.
    var hasDamage: Bool { verdicts.contains { $0.isDamaged || $0.state == .parityDamaged } }

    /// A line for each.
    var lines: [String] {
        var lines = verdicts.map { verdict in
            let details = [verdict.placeWords, verdict.text].filter { !$0.isEmpty }.joined(separator: "; ")
            let head = "\(verdict.segment)" + (details.isEmpty ? "" : ": \(details)")
            return switch verdict.state {
            case .repairable: "repairable: \(head); 'meterfold verify --repair' rebuilds it from its parity"
            case .beyondRepair: "beyond repair: \(head)"
            case .repaired: "repaired: \(head); the damaged file is kept as \(verdict.keptAs ?? "?")"
            case .parityMade: "parity made: \(head)"
            case .parityDamaged:
                "damage: \(head): its parity file is damaged; 'meterfold verify --repair' makes it anew"
            case .parityStale:
                "notice: \(head): its parity is of other bytes; 'meterfold verify --repair' makes it anew"
            case .parityNewer: "notice: \(head): its parity is of a newer version of this program"
            case .sound, .parityMissing: head
            }
        }
        if wantsParity, missingCount > 0 {
            lines.append(
                "notice: \(missingCount) sealed segments have no parity yet; 'serve' and 'verify --repair' make it"
            )
        }
        return lines
    }

    /// An object for each.
    var objects: [String] {
        verdicts.map { verdict in
            var line = JSONLine()
            line.add("segment", verdict.segment)
            line.add("state", verdict.state.rawValue)
            line.add("chunks", verdict.chunkCount)
            let ranges = verdict.ranges.map { "[\($0.lowerBound), \($0.upperBound - 1)]" }
            line.add("bytes", raw: "[" + ranges.joined(separator: ", ") + "]")
            let positions = verdict.positions.map { "[\($0.lowerBound), \($0.upperBound)]" }
            line.add("positions", raw: "[" + positions.joined(separator: ", ") + "]")
            if let kept = verdict.keptAs { line.add("keptAs", kept) }
            line.add("text", verdict.text)
            return line.text
        }
    }
}
