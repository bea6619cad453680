import MeterModel
import OracleRows
import ReadModel
import Telegrams
import Testing

/// A pipeline that knows some devices alone, against one that knows all: over random histories.
@Suite("A fold of some devices")
struct ScopeTests {
    @Test("takes in and writes what the fold of all does", arguments: 0..<Seeds.shards)
    func writing(shard: Int) throws {
        for seed in Seeds.ofShard(shard, count: 800) {
            let lines = lines(seed)
            guard let text = try disagreement(lines, seed) else { continue }
            let fewest = shrunk(lines) { (try? disagreement($0, seed)) ?? nil != nil }
            let least = try disagreement(fewest, seed) ?? text
            Issue.record("seed \(seed): \(least)\n\(fewest.joined(separator: "\n"))")
            return
        }
    }

    @Test("shows each of them as the fold of all does, at any position and instant", arguments: 0..<Seeds.shards)
    func reading(shard: Int) throws {
        for seed in Seeds.ofShard(shard, count: 320) {
            var random = TestRandom(seed: seed)
            let (pipeline, _) = try Trial(lines: lines(seed), seed: seed).ingested(&random)
            guard pipeline.head > .origin else { continue }
            let position = Position(UInt64(random.int(1...Int64(pipeline.head.rawValue))))
            let asOf =
                random.oneIn(3) ? Instant(milliseconds: testRecordedAt.milliseconds - random.int(0...1 << 36)) : nil
            let last = random.oneIn(4) ? nil : position
            let whole = try pipeline.rebuilt(through: last, asOf: asOf)
            let names = Set(lines(seed).compactMap(ScopeTests.devices).flatMap { $0 }).sorted().map(\.text)
            for name in names {
                let scoped = try pipeline.rebuilt(through: last, asOf: asOf, scope: DeviceScope([name]))
                for query in AskedQuery.allCases {
                    let (ours, theirs) = try (
                        scoped.compactRows(query, device: name), whole.compactRows(query, device: name)
                    )
                    let isAlone = try scoped.compactRows(query) == ours
                    guard ours != theirs || !isAlone else { continue }
                    Issue.record("seed \(seed), \(name), \(query.rawValue): \(ours)\nagainst \(theirs)")
                    return
                }
            }
        }
    }

    private func lines(_ seed: UInt64) -> [String] {
        var history = FleetHistory(seed: seed &+ 9_000_000, isLawful: false)
        return history.arrival().map(\.text)
    }

    /// How a pipeline that is restarted with scopes differs from one that never is, or from itself rebuilt.
    private func disagreement(_ lines: [String], _ seed: UInt64) throws -> String? {
        var random = TestRandom(seed: seed ^ 0x5C09E)
        let (scoped, full) = (try Pipeline(), try Pipeline())
        let told = lines.map(ScopeTests.devices)
        let names = Set(told.flatMap { $0 ?? [] }).sorted()
        var left = Array(lines.indices)
        while !left.isEmpty {
            var batch = Array(left.prefix(Int(random.int(1...20))))
            if random.oneIn(2), !names.isEmpty {
                let scope = DeviceScope(names.filter { _ in random.oneIn(2) }.map(\.text))
                // The lines about these devices that come next, wherever they stand.
                batch = Array(
                    left.filter { told[$0]?.allSatisfy { scope.contains($0.text) } ?? false }.prefix(batch.count)
                )
                try scoped.commit()
                try scoped.restart(keepingStore: true, scope: scope)
                if random.oneIn(4) { try scoped.restart(keepingStore: true, scope: scope) }
            } else {
                try scoped.commit()
                try scoped.restart(keepingStore: true)
            }
            left.removeAll { batch.contains($0) }
            let pieces = random.oneIn(3) ? batch.map { [$0] } : [batch]
            for piece in pieces where !piece.isEmpty {
                let texts = piece.map { lines[$0] }
                let (ours, theirs) = try (scoped.ingest(texts), full.ingest(texts))
                if ours != theirs { return "\(texts): \(ours) against \(theirs)" }
                if random.oneIn(3) { try scoped.commit() }
            }
            try scoped.commit()
            if left.isEmpty || random.oneIn(6) {
                try full.commit()
                if let text = try difference(scoped.store, full.store) { return text }
            }
        }
        return try difference(scoped.store, scoped.rebuilt()).map { "rebuilt: \($0)" }
    }

    private func difference(_ ours: ViewStore, _ theirs: ViewStore) throws -> String? {
        let comparison = try ViewComparison.compare(ours, theirs)
        let metas = try (ours.read { try $0.meta() }, theirs.read { try $0.meta() })
        if comparison.isEqual, metas.0 == metas.1 { return nil }
        return "\(comparison.tables.filter { $0.differenceCount > 0 }), \(metas)"
    }

    /// The devices that a line is about; nil: about none in particular.
    private static func devices(of line: String) -> Set<ByteName>? {
        var decoded = DecodedBatch()
        var names = TelegramNames()
        var decoder = NDJSONDecoder()
        _ = Array((line + "\n").utf8).withUnsafeBytes {
            decoder.decode($0, isLast: true, names: &names, into: &decoded)
        }
        var devices = Set((0..<UInt32(names.devices.count)).map { ByteName(names.devices[$0]) })
        for event in decoded.events {
            guard let device = event.event.device else { return nil }
            devices.insert(ByteName(device))
        }
        return devices
    }
}

struct DeviceScopeTests {
    @Test(arguments: [
        ("a/zero/1/crossed", true), ("a/b/zero/1/crossed", false), ("b/c/low/12/reminder-2", true),
        ("b/low/12/cleared", false), ("a", false), ("/zero/1/crossed", false), ("a/zero/1", false),
    ])
    func `A push is of the device that its job names`(_ job: String, _ isOwn: Bool) {
        let outcome = PushOutcome(
            kind: .delivered,
            job: job,
            at: Instant(milliseconds: 0),
            channel: nil,
            attempt: nil,
            response: nil
        )
        #expect(DeviceScope(["a", "b/c"]).concerns(.pushSettled(outcome)) == isOwn)
    }
}
