import Foundation
import MeterModel
import OracleRows
import Projections
import ReadModel
import Testing

/// Explanations against the views, over random fleets with every kind of trouble.
@Suite("Explanations")
struct ExplanationTests {
    @Test("sum to the balance, and day by day to ledger and consumption", arguments: 0..<Seeds.shards)
    func agree(shard: Int) throws {
        var met = Set<String>()
        let seeds = Seeds.ofShard(shard, count: 480)
        for seed in seeds {
            var history = FleetHistory(seed: seed &+ 7_000_000, isLawful: seed % 5 == 0)
            let lines = history.arrival().map(\.text)
            if let text = try ExplanationTests.disagreement(lines, seed, &met) {
                let fewest = shrunk(lines) { (try? ExplanationTests.disagreement($0, seed, &met)) ?? nil != nil }
                let least = try ExplanationTests.disagreement(fewest, seed, &met) ?? text
                Issue.record("seed \(seed): \(least)\n\(fewest.joined(separator: "\n"))")
                return
            }
        }
        let wanted: Set = ["tier", "standing", "tax", "energy", "topUp", "refund", "adjustment", "estimated", "period"]
        let notices = Set(ExplainedNotice.Kind.allCases.map(\.rawValue))
        // A few seeds need not meet everything.
        guard seeds.count >= 100 else { return }
        #expect(wanted.union(notices).subtracting(met) == [])
    }

    /// How explanations differ from the views: at the end, at a position, and as of an instant.
    private static func disagreement(_ lines: [String], _ seed: UInt64, _ met: inout Set<String>) throws -> String? {
        var random = TestRandom(seed: seed)
        let (pipeline, _) = try Trial(lines: lines, seed: seed).ingested(&random)
        guard pipeline.head > .origin else { return nil }
        if let text = try difference(pipeline, pipeline.store, nil, nil, &met) { return text }
        let position = Position(UInt64(random.int(1...Int64(pipeline.head.rawValue))))
        let earlier = try pipeline.rebuilt(through: position)
        if let text = try difference(pipeline, earlier, position, nil, &met) { return "at \(position): \(text)" }
        let times = try pipeline.store.objects(.ledger).compactMap { $0["day"] as? String }.compactMap { LocalDate($0) }
        guard let day = times.randomElement(using: &random) else { return nil }
        let asOf = Instant(milliseconds: Int64(day.dayNumber) * Milliseconds.day + random.int(0...Milliseconds.day))
        let trueThen = try pipeline.rebuilt(asOf: asOf)
        return try difference(pipeline, trueThen, nil, asOf, &met).map { "as of \(asOf.rfc3339): \($0)" }
    }

    private static func difference(
        _ pipeline: Pipeline,
        _ store: ViewStore,
        _ position: Position?,
        _ asOf: Instant?,
        _ met: inout Set<String>
    ) throws -> String? {
        let balances = try store.objects(.balance)
        let ledger = try store.compactRows(.ledger)
        let days = try store.objects(.day)
        var explained: [String] = []
        for row in try store.objects(.devices) {
            let name = row["device"] as? String ?? ""
            guard let explanation = try pipeline.explanation(of: name, through: position, asOf: asOf) else {
                // A position inside a block: the views know all names of the block.
                if position != nil, row["firstReadAt"] is NSNull, row["utility"] is NSNull { continue }
                return "\(name) is not explained"
            }
            if let text = explanation.discrepancy { return "\(name): \(text)" }
            let balance = balances.first { ($0["device"] as? String)?.utf8.elementsEqual(name.utf8) ?? false }
            let sum = explanation.hasBalance ? explanation.total.sum.exactText : nil
            if sum != balance?["balanceExact"] as? String {
                return "\(name): \(sum ?? "none") against \(balance ?? [:])"
            }
            if explanation.hasBalance { explained += ledgerRows(explanation, &met) }
            let used = days.filter {
                ($0["device"] as? String)?.utf8.elementsEqual(name.utf8) ?? false
                    && $0["register"] as? String == explanation.register
            }.map { "\($0["start"] ?? "") \($0["quantity"] ?? "") \($0["estimated"] ?? "")" }
            let told = explanation.days.filter { !$0.uses.isEmpty }.map { explanation.dayRow($0) }
            if used != told { return "\(name): days \(used) against \(told)" }
            met.formUnion(explanation.notices.map(\.kind.rawValue))
            if let text = limitedDifference(explanation) { return "\(name): \(text)" }
            if ExplanationText(explanation).lines().isEmpty { return "\(name): no text" }
        }
        if explained.sorted() != ledger.sorted() {
            let (ours, theirs) = (Set(explained), Set(ledger))
            return "ledger: \(ours.subtracting(theirs)) against \(theirs.subtracting(ours))"
        }
        return nil
    }

    /// The days one by one: each goes on from the balance at which the one before ended.
    private static func limitedDifference(_ explanation: Explanation) -> String? {
        guard explanation.hasBalance else { return nil }
        var balance = Money.zero
        for day in explanation.days {
            let limited = explanation.limited(to: day.day...day.day)
            if limited.opening != balance { return "\(day.date) opens with \(limited.opening.exactText)" }
            if limited.days.count != 1 { return "\(day.date) is told \(limited.days.count) times" }
            balance += limited.selected.sum
        }
        return balance == explanation.total.sum ? nil : "the days end at \(balance.exactText)"
    }

    /// The ledger's rows as the lines of an explanation make them.
    private static func ledgerRows(_ explanation: Explanation, _ met: inout Set<String>) -> [String] {
        var rows: [String] = []
        for day in explanation.days {
            let head = "{\"device\":\(jsonText(explanation.device)),\"day\":\"\(day.date)\""
            var periods: [String: (quantity: Int128, price: ExactDecimal, amount: Money)] = [:]
            for use in day.uses {
                guard case .priced(let priced) = use.pricing else { continue }
                var sum = periods[priced.period] ?? (0, priced.price, .zero)
                sum.quantity += Int128(use.quantityMilli)
                sum.amount += priced.amount
                periods[priced.period] = sum
                if priced.period != "default" { met.insert("period") }
            }
            for (period, sum) in periods where sum.quantity != 0 || sum.amount != .zero {
                let quantity = decimalText(sum.quantity, fractionDigits: 6)
                rows.append(
                    "\(head),\"kind\":\"energy\",\"period\":\"\(period)\",\"quantity\":\"\(quantity)\","
                        + "\"price\":\"\(sum.price)\",\"amount\":\"\(sum.amount.exactText)\"}"
                )
            }
            let totals = day.totals
            for (kind, amount) in [
                ("tier", totals.tier), ("standing", totals.standing), ("tax", totals.tax), ("topUp", totals.topUps),
                ("refund", totals.refunds), ("adjustment", totals.adjustments),
            ] where amount != .zero {
                rows.append("\(head),\"kind\":\"\(kind)\",\"amount\":\"\(amount.exactText)\"}")
                met.insert(kind)
            }
            if !periods.isEmpty { met.insert("energy") }
            if day.estimated > 0 { met.insert("estimated") }
        }
        return rows
    }
}

extension Explanation {
    /// A day as the consumption view has it: start, quantity, estimated.
    fileprivate func dayRow(_ day: ExplainedDay) -> String {
        let start = Instant(milliseconds: zone.start(ofDay: day.day))
        return "\(start.rfc3339(offsetSeconds: zone.offsetSeconds(at: start.milliseconds))) "
            + "\(decimalText(day.quantity, fractionDigits: 6)) \(decimalText(day.estimated, fractionDigits: 6))"
    }
}

extension ViewStore {
    /// The rows of a query as objects.
    fileprivate func objects(_ query: AskedQuery) throws -> [[String: Any]] {
        try compactRows(query).map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
        }
    }
}
