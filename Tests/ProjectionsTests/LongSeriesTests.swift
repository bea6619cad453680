import MeterModel
import OracleRows
import Testing

/// Series of many weeks, so that a walk begins and ends amid them.
@Suite("Long series")
struct LongSeriesTests {
    @Test("fold as the oracle folds them, in every order of arrival", arguments: 0..<Seeds.shards)
    func agree(shard: Int) throws {
        for seed in Seeds.ofShard(shard, count: 24) {
            let lines = LongHistory(seed: seed).lines
            let queries: [AskedQuery] = [.day, .anomalies, .devices, .ledger, .balance]
            guard try Trial(lines: lines, seed: seed, queries: queries).disagreement() != nil else { continue }
            let fewest = shrunk(lines) {
                (try? Trial(lines: $0, seed: seed, queries: queries).disagreement()) != nil
            }
            let text = try Trial(lines: fewest, seed: seed, queries: queries).disagreement() ?? "throws"
            Issue.record("seed \(seed): \(text)\n\(fewest.joined(separator: "\n"))")
            return
        }
    }
}

/// One device's register over weeks or months, with troubles here and there, arriving in some order.
struct LongHistory {
    var lines: [String] = []
    private var random: TestRandom

    init(seed: UInt64) {
        random = TestRandom(seed: seed &* 77)
        var facts = readings(Int(random.int(500...1200)))
        arrange(&facts)
        var declaration = "{\"event\":\"DeviceRegistered\",\"device\":\"L\",\"utility\":\"electricity\""
        declaration += ",\"timezone\":\"\(random.pick(FleetHistory.zones))\""
        if random.oneIn(2) { declaration += ",\"modulus\":\"1000\"" }
        if random.oneIn(3) { declaration += ",\"maxRate\":\"30\"" }
        let tariff =
            #"{"event":"TariffPublished","tariff":"t","unit":"kWh","currency":"EUR","timezone":"Europe/Berlin","#
            + #""versions":[{"from":"2024-03-25","default":"0.31"},{"from":"2024-04-20","default":"0.29"}]}"#
        if random.oneIn(2) { declaration += ",\"tariff\":\"t\"" }
        lines = [tariff, declaration + "}"] + facts
    }

    private mutating func readings(_ count: Int) -> [String] {
        var facts: [String] = []
        var at: Int64 = 1_711_000_000_000
        var value = random.int(0...900_000)
        let rarity = random.pick([8, 40, 200])
        for _ in 0..<count {
            at += random.pick([900_000, 3_600_000, 3_600_000, 3_600_000, 6 * 3_600_000])
            if random.oneIn(50) { at += random.int(1...200) * Milliseconds.hour }
            value = (value + random.int(0...2000)) % 1_000_000
            var shown = value
            if random.oneIn(rarity) {
                switch random.int(0...4) {
                case 0: shown = value / 2
                case 1: shown = value + 300_000
                case 2:
                    value = random.int(0...5000)
                    shown = value
                case 3: shown = max(0, value - 3000)
                default: facts.append(ruling(at))
                }
            }
            facts.append("{\"device\":\"L\",\"readAt\":\(at),\"value\":\"\(shown)e-3\"}")
            if random.oneIn(rarity * 2) {
                facts.append(
                    "{\"device\":\"L\",\"readAt\":\(at),\"value\":\"\(shown + 1)e-3\",\"quality\":\"verified\"}"
                )
            }
            if random.oneIn(100) {
                facts.append(
                    "{\"event\":\"TopUpReceived\",\"device\":\"L\",\"at\":\(at),\"amount\":\"20\","
                        + "\"currency\":\"EUR\",\"provider\":\"p\",\"reference\":\"\(at)\"}"
                )
            }
            if random.oneIn(300) {
                facts.append(
                    "{\"event\":\"MeterExchanged\",\"device\":\"L\",\"at\":\(at),\"finalValue\":\"\(shown)e-3\","
                        + "\"initialValue\":\"\(value)e-3\"}"
                )
            }
        }
        return facts
    }

    private mutating func ruling(_ at: Int64) -> String {
        if random.oneIn(2) {
            return "{\"event\":\"ReadingVoided\",\"device\":\"L\",\"readAt\":\(at),\"reason\":\"r\"}"
        }
        return "{\"event\":\"ReadingCorrected\",\"device\":\"L\",\"readAt\":\(at),\"value\":\"\(random.int(0...999))\","
            + "\"reason\":\"r\"}"
    }

    private mutating func arrange(_ facts: inout [String]) {
        switch random.int(0...4) {
        case 0: facts.shuffle(using: &random)
        case 1: facts.reverse()
        case 2:
            // Some late by much, the others in order.
            let late = facts.indices.filter { _ in random.oneIn(10) }
            let told = late.map { facts[$0] }.shuffled(using: &random)
            for i in late.reversed() { facts.remove(at: i) }
            facts += told
        case 3:
            // In two halves, the later first.
            facts = Array(facts[(facts.count / 2)...] + facts[..<(facts.count / 2)])
        default:
            for i in facts.indices where random.oneIn(8) {
                facts.swapAt(i, min(facts.count - 1, i + Int(random.int(1...20))))
            }
        }
    }
}
