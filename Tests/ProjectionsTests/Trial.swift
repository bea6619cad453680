import Foundation
import MeterModel
import OracleRows
import Projections
import ReadModel
import ReferenceFold

/// A history told to the product and to the oracle.
struct Trial {
    let lines: [String]
    /// Chooses batches, commits, restarts and the position looked back to.
    let seed: UInt64
    /// What is compared.
    var queries = AskedQuery.allCases
    /// Instants around which is asked what was true then.
    var instants: [Int64] = []
    /// Whether the fold is kept now and then, and restarts go on from there.
    var keepsFold = false

    /// How the product differs from the oracle, or from itself rebuilt; nil where it does not.
    func disagreement() throws -> String? {
        var met: Set<String> = []
        return try disagreement(meeting: &met)
    }

    /// As `disagreement`; `met` takes in the kinds and states that the rows tell of, as "anomalies dip".
    func disagreement(meeting met: inout Set<String>) throws -> String? {
        var random = TestRandom(seed: seed)
        let (pipeline, outcomes) = try ingested(&random)
        var oracle = ReferenceFold(recordedAt: testRecordedAt.milliseconds)
        for (line, outcome) in zip(lines, outcomes) {
            if let fault = tell(line, outcome, &oracle) { return fault }
        }
        for query in queries {
            let rows = try pipeline.store.compactRows(query)
            if [.ledger, .pushes, .anomalies].contains(query) { met.formUnion(Trial.kinds(of: rows, query)) }
            if let text = difference(rows, oracle.rows(query.reference)) { return "\(query.rawValue): \(text)" }
        }
        // The store was folded as batches came; made anew, readings are gathered from many of them.
        for capacity in [ViewProjector.usualGatherCapacity, random.pick([1, 2, 7, 40, 400])] {
            let rebuilt = try pipeline.rebuilt(gatherCapacity: capacity)
            let comparison = try ViewComparison.compare(pipeline.store, rebuilt)
            if !comparison.isEqual {
                return "rebuilt by \(capacity): \(comparison.tables.filter { $0.differenceCount > 0 })"
            }
        }
        return try disagreementEarlier(pipeline, oracle) ?? disagreementAsOf(pipeline, oracle)
    }

    private static func kinds(of rows: [String], _ query: AskedQuery) -> [String] {
        rows.flatMap { row in
            ["\"kind\":\"", "\"state\":\""].compactMap { field in
                row.firstRange(of: field).map { "\(query.rawValue) \(row[$0.upperBound...].prefix { $0 != "\"" })" }
            }
        }
    }

    private func disagreementEarlier(_ pipeline: Pipeline, _ oracle: ReferenceFold) throws -> String? {
        guard pipeline.head > .origin else { return nil }
        var random = TestRandom(seed: seed ^ 0xEA51)
        let position = position(upTo: pipeline.head, &random)
        let earlier = try pipeline.rebuilt(through: position)
        for query in queries.shuffled(using: &random).prefix(4) {
            let rows = oracle.rows(query.reference, atPosition: Int(position.rawValue))
            if let text = difference(try earlier.compactRows(query), rows) {
                return "\(query.rawValue) at position \(position.rawValue): \(text)"
            }
        }
        return nil
    }

    /// What was true at an instant, as known in the end or at a position.
    private func disagreementAsOf(_ pipeline: Pipeline, _ oracle: ReferenceFold) throws -> String? {
        guard pipeline.head > .origin, !instants.isEmpty else { return nil }
        var random = TestRandom(seed: seed ^ 0xA50F)
        let instant = chosenInstant(&random)
        let position = random.oneIn(2) ? position(upTo: pipeline.head, &random) : nil
        let trueThen = try pipeline.rebuilt(through: position, asOf: Instant(milliseconds: instant))
        for query in AskedQuery.datable.shuffled(using: &random).prefix(3) {
            let rows = oracle.rows(query.reference, atPosition: position.map { Int($0.rawValue) }, asOf: instant)
            if let text = difference(try trueThen.compactRows(query), rows) {
                let known = position.map { " at position \($0.rawValue)" } ?? ""
                return "\(query.rawValue) as of \(instant)\(known): \(text)"
            }
        }
        return nil
    }

    /// A position some way into the log: the same way into one with fewer lines.
    private func position(upTo head: Position, _ random: inout TestRandom) -> Position {
        Position(UInt64(1 + random.int(0...999_999) * Int64(head.rawValue) / 1_000_000))
    }

    /// At one of the instants or near it.
    private func chosenInstant(_ random: inout TestRandom) -> Int64 {
        random.pick(instants) + random.pick([0, 0, -1, 1, random.int(-1...1) * Milliseconds.day])
    }

    /// The lines taken in: in random batches, with commits and restarts in between.
    func ingested(_ random: inout TestRandom) throws -> (Pipeline, [LineOutcome]) {
        let pipeline = try Pipeline()
        var keeping = TestRandom(seed: seed ^ 0xF01D)
        var outcomes: [LineOutcome] = []
        let largest = random.pick([1, 5, 40, 1000])
        while outcomes.count < lines.count {
            let count = Int(random.int(1...Int64(largest)))
            outcomes += try pipeline.ingest(Array(lines[outcomes.count...].prefix(count)))
            if random.oneIn(3) { try pipeline.commit() }
            if random.oneIn(12) { try pipeline.restart(keepingStore: random.oneIn(2)) }
            guard keepsFold, pipeline.head > .origin else { continue }
            if keeping.oneIn(3) { try pipeline.keepFold() }
            if keeping.oneIn(4) { try pipeline.restart(keepingStore: true) }
        }
        try pipeline.commit()
        return (pipeline, outcomes)
    }

    /// Tells the oracle of a line; how it judges otherwise, or nil.
    func tell(_ line: String, _ outcome: LineOutcome, _ oracle: inout ReferenceFold) -> String? {
        let position: Int
        if case .accepted(let given) = outcome { position = Int(given) } else { position = 1_000_000 + oracle.head }
        let judged = oracle.ingest(
            ndjsonLine: line,
            position: position,
            recordedAt: testRecordedAt.milliseconds
        )
        switch (outcome, judged) {
        case (.accepted, .accepted): return nil
        case (.refused(let ours), .refused(let theirs)) where ours == theirs: return nil
        default: return "\(line) is \(outcome), the oracle says \(judged)"
        }
    }
}

/// Drops lines for as long as what is left still fails; none where `METERFOLD_SHRINK` is `off`.
func shrunk(_ lines: [String], _ fails: ([String]) -> Bool) -> [String] {
    var lines = lines
    if ProcessInfo.processInfo.environment["METERFOLD_SHRINK"] == "off" { return lines }
    var size = max(1, lines.count / 2)
    while true {
        var start = 0
        var isSmaller = false
        while start < lines.count {
            var fewer = lines
            fewer.removeSubrange(start..<min(start + size, lines.count))
            if fails(fewer) {
                lines = fewer
                isSmaller = true
            } else {
                start += size
            }
        }
        if size == 1, !isSmaller { return lines }
        size = max(1, size / 2)
    }
}

/// Which seeds are tried: `METERFOLD_SEED` names one, `METERFOLD_SEEDS` how many.
enum Seeds {
    static let shards = 4
    /// All seeds in a release build; unoptimised, one in twelve.
    #if DEBUG
        private static let rarity = 12
    #else
        private static let rarity = 1
    #endif

    static func ofShard(_ shard: Int, count: Int) -> [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let one = environment["METERFOLD_SEED"].flatMap(UInt64.init) { return shard == 0 ? [one] : [] }
        let count = environment["METERFOLD_SEEDS"].flatMap(Int.init) ?? count / rarity
        return (0..<count).filter { $0 % shards == shard }.map(UInt64.init)
    }
}
