import MeterModel
import ReadModel
import ReferenceFold
import Testing

/// The fold against the oracle, over random histories with every kind of trouble.
@Suite("The fold and the oracle")
struct AgreementTests {
    @Test("agree on every row, at the end and at a position", arguments: 0..<Seeds.shards)
    func agree(shard: Int) throws {
        for seed in Seeds.ofShard(shard, count: 1200) {
            var history = FleetHistory(seed: seed, isLawful: false)
            let lines = history.arrival().map(\.text)
            guard try Trial(lines: lines, seed: seed).disagreement() != nil else { continue }
            let fewest = shrunk(lines) { (try? Trial(lines: $0, seed: seed).disagreement()) != nil }
            let text = try Trial(lines: fewest, seed: seed).disagreement() ?? "throws"
            Issue.record("seed \(seed): \(text)\n\(fewest.joined(separator: "\n"))")
            return
        }
    }

    @Test("make the same of facts that arrive in another order, twice or in other batches", arguments: 0..<Seeds.shards)
    func law(shard: Int) throws {
        for seed in Seeds.ofShard(shard, count: 800) {
            var history = FleetHistory(seed: seed &+ 1_000_000, isLawful: true)
            let first = history.arrival()
            var random = TestRandom(seed: seed)
            let other = FleetHistory.otherArrival(of: first, &random)
            guard let text = try difference(first, other, seed) else { continue }
            let kept = shrunk(first.map(\.text)) { texts in
                let kept = Set(texts)
                func left(_ lines: [GeneratedLine]) -> [GeneratedLine] { lines.filter { kept.contains($0.text) } }
                return (try? difference(left(first), left(other), seed)) != nil
            }
            let inOtherOrder = other.map(\.text).filter(Set(kept).contains)
            Issue.record(
                """
                seed \(seed): \(text)
                \(kept.joined(separator: "\n"))
                against
                \(inOtherOrder.joined(separator: "\n"))
                """
            )
            return
        }
    }

    /// How the lawful rows of two orders of arrival differ.
    private func difference(_ first: [GeneratedLine], _ second: [GeneratedLine], _ seed: UInt64) throws -> String? {
        var random = TestRandom(seed: seed ^ 0xABCD)
        let (one, outcomes) = try Trial(lines: first.map(\.text), seed: seed).ingested(&random)
        let refused = Set(
            zip(first, outcomes).compactMap { line, outcome in
                if case .refused = outcome { line.text } else { nil }
            }
        )
        // What needs a device registered keeps its place behind it; so the same lines are accepted in every order.
        let (other, others) = try Trial(lines: second.map(\.text), seed: seed).ingested(&random)
        for (line, outcome) in zip(second, others) {
            if case .refused(let code) = outcome, !refused.contains(line.text) {
                return "\(line.text) is refused: \(code)"
            }
        }
        for query in [AskedQuery.hour, .day, .month, .ledger, .balance] {
            let ours = try one.store.compactRows(query).map(withoutPosition)
            let theirs = try other.store.compactRows(query).map(withoutPosition)
            if let pair = zip(ours, theirs).first(where: { $0 != $1 }) { return "\(query): \(pair)" }
            if ours.count != theirs.count { return "\(query): \(ours.count) rows, \(theirs.count) rows" }
        }
        return nil
    }

    private func withoutPosition(_ row: String) -> String {
        row.firstRange(of: ",\"position\":").map { String(row[..<$0.lowerBound]) } ?? row
    }
}
