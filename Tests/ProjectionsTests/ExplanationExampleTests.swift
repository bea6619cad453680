import MeterModel
import Projections
import SharedFiles
import Testing

/// Explanations of the worked examples, figure by figure and word by word.
@Suite("Explained examples")
struct ExplanationExampleTests {
    private func pipeline(_ example: String, declaring declarations: [String] = []) throws -> Pipeline? {
        guard SharedFolder.isThere else { return nil }
        let pipeline = try Pipeline()
        _ = try pipeline.ingest(declarations + SharedFolder.lines("examples/\(example)/events.ndjson"))
        return pipeline
    }

    private func text(_ explanation: Explanation) -> [String] { ExplanationText(explanation).lines() }

    private func quantities(_ explanation: Explanation) -> [String] {
        explanation.intervals.map { decimalText(Int128($0.quantityMilli), fractionDigits: 6) }
    }

    @Test("Time of use on the days on which clocks change")
    func timeOfUse() throws {
        let periods =
            "[{\"name\":\"half\",\"price\":\"1.00\",\"windows\":[{\"days\":\"sun\",\"from\":\"02:30\",\"to\":\"03:30\"}]},"
            + "{\"name\":\"night\",\"price\":\"0.20\",\"windows\":[{\"from\":\"22:00\",\"to\":\"06:00\"}]}]"
        let tariff =
            "{\"event\":\"TariffPublished\",\"tariff\":\"home\",\"unit\":\"kWh\",\"currency\":\"EUR\",\"timezone\":"
            + "\"Europe/Berlin\",\"versions\":[{\"from\":\"2025-01-01\",\"default\":\"0.40\",\"periods\":\(periods)}]}"
        let devices = ["A-spring", "B-autumn"].map {
            "{\"event\":\"DeviceRegistered\",\"device\":\"\($0)\",\"utility\":\"electricity\",\"gapAfter\":\"2d\","
                + "\"tariff\":\"home\",\"from\":\"2025-01-01\"}"
        }
        guard let pipeline = try pipeline("02-time-of-use-on-clock-change-days", declaring: [tariff] + devices) else {
            return
        }
        let spring = try #require(try pipeline.explanation(of: "A-spring"))
        #expect(spring.total.sum.exactText == "-8.2")
        #expect(spring.days.count == 1)
        let uses = spring.days.flatMap(\.uses)
        #expect(uses.map(\.quantityMilli) == [2_000_000, 500_000, 2_500_000, 16_000_000, 2_000_000])
        #expect(
            text(spring).contains {
                $0.hasPrefix(
                    "On 2025-03-30 between 03:00 (UTC+02:00) and 03:30 (UTC+02:00) 0.5 kWh at 1.00 EUR "
                        + "(tariff home, from 2025-01-01, period half) = 0.50 EUR: the share of 30 min in 23 h"
                )
            }
        )
        let autumn = try #require(try pipeline.explanation(of: "B-autumn"))
        #expect(autumn.total.sum.exactText == "-9.4")
        #expect(autumn.discrepancy == nil)
    }

    @Test("Tiers over a version switch")
    func tiers() throws {
        guard let pipeline = try pipeline("03-tiers-over-a-version-switch") else { return }
        let explanation = try #require(try pipeline.explanation(of: "E-1"))
        #expect(explanation.total.sum.exactText == "-9.825")
        #expect(explanation.total.energy.exactText == "-6.75")
        #expect(explanation.total.tier.exactText == "-2.5")
        #expect(explanation.total.tax.exactText == "-0.575")
        let day = explanation.limited(to: 20_103...20_103)
        #expect(day.days.first?.date.description == "2025-01-15")
        let tier = try #require(day.days.first?.tier)
        #expect(tier.countBeforeMilli == 8_000_000)
        #expect(tier.countAfterMilli == 15_000_000)
        #expect(tier.steps.map(\.quantityMilli) == [2_000_000, 5_000_000])
        #expect(day.opening.exactText == "-1.6")
        #expect(
            text(day) == [
                "Device E-1, register 1-0:1.8.0, times in Europe/Berlin.",
                "The balance is -9.82 EUR (exactly -9.825), after event no. 8; the device's clock reads 2025-02-02 00:00.",
                "It is made up of top-ups of 0.00 EUR, less consumption of 6.75 EUR, less tier charges of 2.50 EUR, "
                    + "less tax of 0.575 EUR.",
                "Told here: 2025-01-15.",
                "Before that the balance was -1.60 EUR; these days come to -1.90 EUR, and after them it was -3.50 EUR.",
                "Used: 7 kWh, none of it estimated. No reading is held or set aside.",
                "",
                "On 2025-01-15 between 00:00 and 24:00 the meter went from 8 kWh (reading no. 4) to 15 kWh "
                    + "(reading no. 5): 7 kWh at 0.20 EUR (tariff home, from 2025-01-01, period default) = 1.40 EUR.",
                "On 2025-01-15 the count of the month goes from 8 kWh to 15 kWh: 2 kWh in the step up to 10 at 0.00 EUR "
                    + "more, 5 kWh in the step above 10 up to 20 at 0.10 EUR more = 0.50 EUR (tariff home, from 2025-01-01).",
                "2025-01-15 in all: 7 kWh used; the balance changes by -1.90 EUR.",
            ]
        )
    }

    @Test("An exchange told late: before, held; after, on both meters")
    func exchange() throws {
        guard let pipeline = try pipeline("08-exchange-told-late") else { return }
        let before = try #require(try pipeline.explanation(of: "E-1", through: Position(7)))
        #expect(before.total.sum.exactText == "3")
        #expect(before.notices.map(\.kind) == [.held, .held])
        #expect(before.notices.map(\.position.rawValue) == [6, 7])
        let after = try #require(try pipeline.explanation(of: "E-1"))
        #expect(after.total.sum.exactText == "-3")
        #expect(quantities(after) == ["10", "6", "6", "8"])
        #expect(after.intervals.map { $0.multiplier.description } == ["1", "1", "2", "2"])
        #expect(after.intervals.map { $0.from?.position.rawValue } == [4, 5, 8, 6])
        #expect(after.intervals.map(\.to.position.rawValue) == [5, 8, 6, 7])
        #expect(after.intervals[2].from?.origin == .exchangeInitial)
        #expect(after.notices.map(\.kind) == [.conflict])
        #expect(
            text(after).contains(
                "On 2025-01-01 between 09:00 and 12:00 the meter went from 2 kWh (the new meter's first value, exchange "
                    + "no. 8) to 5 kWh (reading no. 6): 3 kWh times the multiplier 2 = 6 kWh at 0.30 EUR (tariff home, from "
                    + "2025-01-01, period default) = 1.80 EUR."
            )
        )
    }

    @Test("A gap is estimated; without a tariff there is consumption alone")
    func gap() throws {
        guard let pipeline = try pipeline("09-gap-is-estimated") else { return }
        let explanation = try #require(try pipeline.explanation(of: "E-1"))
        #expect(!explanation.hasBalance)
        #expect(explanation.days.map(\.quantity) == [18_000_000, 18_500_000])
        #expect(explanation.days.map(\.estimated) == [12_000_000, 18_000_000])
        #expect(
            text(explanation).contains(
                "On 2025-01-01 between 12:00 and 24:00 12 kWh: the share of 12 h in 30 h, from 2025-01-01 12:00 to "
                    + "2025-01-02 18:00, when the meter went from 6 kWh (reading no. 3) to 36 kWh (reading no. 4): 30 kWh. "
                    + "Estimated: no reading came for 30 h, more than 6 h."
            )
        )
    }

    @Test("Interval readings, with an overlap, a conflict and another kind")
    func intervals() throws {
        guard let pipeline = try pipeline("13-interval-readings") else { return }
        let explanation = try #require(try pipeline.explanation(of: "W-1"))
        #expect(explanation.total.sum.exactText == "-24")
        #expect(quantities(explanation) == ["1", "2", "3", "6"])
        #expect(explanation.intervals.map(\.to.position.rawValue) == [3, 5, 4, 9])
        #expect(explanation.notices.map(\.kind) == [.conflict, .overlap, .mixedKind])
        #expect(explanation.notices.map(\.position.rawValue) == [7, 8, 10])
    }

    @Test("A spike, with every reading set aside")
    func spike() throws {
        guard let pipeline = try pipeline("17-spike") else { return }
        let explanation = try #require(try pipeline.explanation(of: "E-1"))
        #expect(explanation.total.sum.exactText == "495")
        #expect(quantities(explanation) == ["1", "0.27", "0.73", "1", "1", "1"])
        #expect(explanation.notices.map(\.kind) == [.spike, .spike, .spike])
        #expect(explanation.notices.map(\.position.rawValue) == [6, 9, 10])
        let held = try #require(try pipeline.explanation(of: "E-1", through: Position(12)))
        #expect(held.total.sum.exactText == "-1")
        #expect(held.notices.filter(\.isOpen).map(\.position.rawValue) == [11, 12])
        #expect(try pipeline.explanation(of: "nobody") == nil)
    }

    @Test("A multiplier that makes the quantity round says so")
    func rounding() throws {
        let pipeline = try Pipeline()
        _ = try pipeline.ingest([
            "{\"event\":\"DeviceRegistered\",\"device\":\"R\",\"utility\":\"electricity\",\"multiplier\":\"0.5\"}",
            "{\"device\":\"R\",\"readAt\":\"2025-01-01T00:00:00Z\",\"value\":\"0\"}",
            "{\"device\":\"R\",\"readAt\":\"2025-01-01T01:00:00Z\",\"value\":\"0.000003\"}",
        ])
        let explanation = try #require(try pipeline.explanation(of: "R"))
        #expect(explanation.intervals.first?.unroundedQuantity?.description == "0.0000015")
        #expect(quantities(explanation) == ["0.000002"])
        #expect(
            text(explanation).contains {
                $0.hasSuffix(
                    "0.000003 kWh times the multiplier 0.5 = 0.0000015, rounded half-even to 0.000002 kWh."
                )
            }
        )
    }
}
