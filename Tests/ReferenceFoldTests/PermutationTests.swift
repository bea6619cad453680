import Testing

@testable import ReferenceFold

/// The law of section 6: consumption and balance are the same for every order of arrival.
struct PermutationTests {
    private static let declarations = [
        """
        {"event":"TariffPublished","tariff":"home","unit":"kWh","currency":"EUR","timezone":"Europe/Berlin","versions":[\
        {"from":"2025-03-01","default":"0.3","periods":[{"name":"night","price":"0.123456","windows":[{"from":"22:00",\
        "to":"06:00"}]}],"tiers":{"period":"month","steps":[{"upTo":"20","add":"0"},{"add":"0.07"}]}},\
        {"from":"2025-03-31","default":"0.4","standingCharge":"0.11","tax":"7.25","tiers":{"period":"year","steps":[\
        {"upTo":"33.5","add":"0.01"},{"add":"0.02"}]}}]}
        """,
        """
        {"event":"DeviceRegistered","device":"E","utility":"electricity","tariff":"home","modulus":"1000",\
        "maxRate":"60","multiplier":"1.5","alerts":[{"rule":"low","level":"20","rearm":"25"}]}
        """,
    ]

    @Test(arguments: 0..<12)
    func `Any order of arrival gives the same consumption and balance`(_ seed: UInt64) {
        var random = SplitMix(state: seed)
        let events = facts(&random)
        let first = folded(events)
        checkSums(first)
        for _ in 0..<3 {
            let other = folded(events.shuffled(using: &random))
            for query in [ReferenceQuery.consumption(by: .hour), .consumption(by: .month), .ledger, .balance] {
                #expect(first.rows(query) == other.rows(query), "seed \(seed)")
            }
            let episode = other.rows(.episodes).last { $0.contains(#""rule":"zero""#) }
            let isOpen = episode?.contains("clearedPosition") == false
            #expect(isOpen == !other.rows(.arrears).isEmpty, "seed \(seed)")
        }
    }

    /// Readings with dips, conflicts, duplicates and wraps, corrections on instants of their own, an exchange,
    /// payments.
    private func facts(_ random: inout SplitMix) -> [String] {
        var lines: [String] = []
        var value = Int.random(in: 0..<990_000, using: &random)
        var time = 1_743_100_000
        for index in 0..<40 {
            time += [600, 3_600, 3_600, 40_000, 200_000].randomElement(using: &random) ?? 600
            value = (value + Int.random(in: 0..<9_000, using: &random)) % 1_000_000
            let isOff = Int.random(in: 0..<10, using: &random) == 0
            let shown = isOff ? Int.random(in: 0..<1_000_000, using: &random) : value
            let spelled = "\(shown / 1_000).\(padded(Int64(shown % 1_000), 3))"
            let line = #"{"device":"E","readAt":\#(time),"value":"\#(spelled)"}"#
            lines.append(line)
            switch Int.random(in: 0..<12, using: &random) {
            case 0: lines.append(line)
            case 1: lines.append(#"{"device":"E","readAt":\#(time),"value":"\#(shown / 1_000)","quality":"verified"}"#)
            case 2:
                lines.append(#"{"event":"ReadingVoided","device":"E","readAt":\#(time),"reason":"r"}"#)
            case 3:
                lines.append(
                    #"{"event":"TopUpReceived","device":"E","amount":7,"currency":"EUR","provider":"p","#
                        + #""reference":"\#(index)","at":\#(time)}"#
                )
            case 4 where index == 20:
                lines.append(
                    #"{"event":"MeterExchanged","device":"E","at":\#(time + 5),"finalValue":"\#(spelled)","#
                        + #""initialValue":3,"multiplier":2}"#
                )
            default: break
            }
        }
        return lines
    }

    private func folded(_ events: [String]) -> ReferenceFold {
        var fold = ReferenceFold(recordedAt: recordedAt)
        for line in Self.declarations + events {
            #expect(fold.ingest(ndjsonLine: line) == .accepted(position: fold.head), "\(line)")
        }
        return fold
    }

    /// Parts sum to the whole (section 4), ledger lines to the balance (section 10).
    private func checkSums(_ fold: ReferenceFold) {
        let hours = sum(fold.rows(.consumption(by: .hour)), "quantity", places: 6)
        #expect(hours == sum(fold.rows(.consumption(by: .day)), "quantity", places: 6))
        #expect(hours == sum(fold.rows(.consumption(by: .month)), "quantity", places: 6))
        let balance = fold.rows(.balance)
        #expect(balance.count == 1)
        #expect(sum(fold.rows(.ledger), "amount", places: 16) == sum(balance, "balanceExact", places: 16))
    }

    private func sum(_ rows: [String], _ field: String, places: Int) -> Int128? {
        rows.reduce(Int128(0)) { sum, row in
            guard let sum, case .object(let members)? = try? JSONReader.read(row),
                case .string(let text)? = members[Text(field)],
                let count = try? ExactDecimal(text)?.count(places: places)
            else { return nil }
            return sum + count
        }
    }
}

/// A small seeded generator, so that a failure names its seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
