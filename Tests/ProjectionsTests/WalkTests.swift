import Billing
import MeterModel
import Testing

@testable import Projections

/// A walk that begins and ends amid a series against one over all of it, after every edit.
@Suite("The walk")
struct WalkTests {
    @Test("ends in what a walk over all readings decides, and tells what changed", arguments: 0..<8)
    func same(shard: Int) {
        for seed in Seeds.ofShard(shard % Seeds.shards, count: shard < Seeds.shards ? 40_000 : 2000) {
            var trial = WalkTrial(seed: seed, isLong: shard >= Seeds.shards)
            if let fault = trial.firstFault() {
                Issue.record("seed \(seed)\(shard < Seeds.shards ? "" : ", long"): \(fault)")
                return
            }
        }
    }
}

/// One series edited at random.
private struct WalkTrial {
    private var random: TestRandom
    private var series = RegisterSeries()
    private var change = IntervalChange()
    private var told: [String] = []
    private var position: UInt64 = 0
    private let steps: [Int64]
    private let values: [Int64]
    private let editCount: Int
    private var latest: Int64 = 0

    init(seed: UInt64, isLong: Bool) {
        random = TestRandom(seed: seed)
        let hour = Milliseconds.hour
        // Few values meet each other often; few steps meet the bounds of 48 h exactly.
        steps =
            isLong
            ? [hour, hour, 2 * hour, 20 * hour]
            : random.pick([[1, 23, 24, 46, 47, 48, 49], [1, 2, 24], [48, 49, 97, 9700]]).map { $0 * hour }
        values = isLong ? [10, 20, 30, 40, 41, 42, 500] : [10, 20, 30, 500]
        editCount = isLong ? 160 : 24
        series.segments.declare(
            multiplierThousandths: random.oneIn(4) ? 2500 : nil,
            modulus: random.oneIn(2) ? 500 : nil,
            maxRate: random.oneIn(4) ? 30 : nil,
            position: 0
        )
    }

    mutating func firstFault() -> String? {
        for _ in 0..<editCount {
            let before = intervals(series)
            change.clear()
            edit()
            if let fault = fault(before) { return "\(fault)\n\(told.joined(separator: "\n"))" }
        }
        return nil
    }

    // MARK: Edits

    private mutating func edit() {
        position += 1
        let count = series.entries.count
        switch random.int(0...9) {
        case 0 where count > 0: remove(Int(random.int(0...Int64(count - 1))))
        case 1 where count > 0: remove(count - 1)
        case 2, 3: if count > 0 { replace(Int(random.int(0...Int64(count - 1)))) }
        case 4 where random.oneIn(6): exchange()
        case 5, 6: insert(at: random.int(0...max(1, latest / Milliseconds.hour)) * Milliseconds.hour)
        default:
            latest += random.pick(steps)
            insert(at: latest)
        }
    }

    private mutating func insert(at instant: Int64) {
        guard series.index(at: instant) == nil, series.segments.exchange(at: instant) == nil else { return }
        let value = random.oneIn(3) ? min(500, (series.entries.last?.value ?? 0) + 1) : random.pick(values)
        told.append("insert \(instant / Milliseconds.hour) h: \(value)")
        let reading = ReadingRecord(
            series: 0,
            traits: ReadingTraits(quality: .measured, isInterval: false, unit: .wattHour),
            at: instant,
            value: value,
            span: 0,
            receivedAt: 0
        )
        if series.appendInOrder(reading, position: position, &change) { return }
        series.insert(at: instant, value: value, position: position, quality: .measured, &change)
    }

    private mutating func replace(_ i: Int) {
        let entry = series.entries[i]
        guard entry.role == .reading else { return }
        let value = random.pick(values)
        told.append("replace \(entry.at / Milliseconds.hour) h: \(value)")
        series.replace(i, value: value, position: position, quality: .measured, &change)
    }

    private mutating func remove(_ i: Int) {
        let entry = series.entries[i]
        guard entry.role == .reading else { return }
        told.append("remove \(entry.at / Milliseconds.hour) h")
        series.remove(i, &change)
    }

    private mutating func exchange() {
        let instant = random.int(0...max(1, latest / Milliseconds.hour)) * Milliseconds.hour
        told.append("exchange \(instant / Milliseconds.hour) h")
        let exchange = MeterSegments.Exchange(
            at: instant,
            finalValue: random.pick(values),
            initialValue: random.pick(values),
            position: position,
            multiplierThousandths: random.oneIn(3) ? 3000 : nil,
            modulus: random.oneIn(3) ? 500 : nil
        )
        series.exchange(exchange, &change)
    }

    // MARK: What must hold

    private func fault(_ before: [MeteredInterval]) -> String? {
        var whole = series
        // A copy shares its packed entries, which it must not change.
        whole.entries = SeriesEntries(PackedChunks())
        for i in 0..<series.entries.count { whole.entries.append(series.entries[i]) }
        var ignored = IntervalChange()
        whole.reconsider(&ignored) { _ in }
        for i in 0..<series.entries.count where series.entries[i].status != whole.entries[i].status {
            let entry = series.entries[i]
            return "at \(entry.at / Milliseconds.hour) h \(entry.status), walked whole \(whole.entries[i].status)"
        }
        if series.irregular != whole.irregular { return "irregular \(series.irregular), whole \(whole.irregular)" }
        let now = intervals(series)
        var expected = Set(before)
        for removed in change.removed where expected.remove(removed) == nil { return "\(removed) went twice" }
        for added in change.added where !expected.insert(added).inserted { return "\(added) came twice" }
        if expected != Set(now) { return "the change does not lead from \(before) to \(now)" }
        let end = before.last?.end ?? Int64.min
        let onlyAdds = change.removed.isEmpty && !change.added.isEmpty && change.added.allSatisfy { $0.start >= end }
        return onlyAdds == change.onlyAddsLater ? nil : "onlyAddsLater is \(change.onlyAddsLater)"
    }

    private func intervals(_ series: RegisterSeries) -> [MeteredInterval] {
        var intervals: [MeteredInterval] = []
        series.forEachInterval(from: Int64.min, to: Int64.max) { intervals.append($0) }
        return intervals
    }
}
