import MeterModel
import ReadModel
import Testing

@testable import Projections

@Suite("The money of a device")
struct MoneyBookTests {
    private func key(_ kind: LedgerKind, _ reference: String, provider: String = "p") -> MoneyBook.Key {
        MoneyBook.Key(kind: kind, provider: ByteName(provider), reference: ByteName(reference))
    }

    @Test("counts a reference once, at its earliest time")
    func once() {
        var book = MoneyBook()
        let amount = Money(units: 70)
        let touched = ([100, 200, 50, 60] as [Int64]).map {
            book.add(key(.topUp, "a"), MoneyBook.Entry(at: $0, amount: amount))
        }
        #expect(touched == [[100], [], [100, 50], []])
        #expect(book.total == amount)
        #expect(book.entries.count == 1)
    }

    @Test("keeps top-ups, refunds, adjustments and providers apart, and names by their bytes")
    func apart() {
        var book = MoneyBook()
        let keys = [
            key(.topUp, "a"), key(.refund, "a"), key(.adjustment, "a", provider: ""), key(.topUp, "a", provider: "q"),
            key(.topUp, "\u{E9}"), key(.topUp, "e\u{301}"),
        ]
        for (i, key) in keys.enumerated() {
            let touched = book.add(key, MoneyBook.Entry(at: Int64(i), amount: Money(units: 1 << Int128(i))))
            #expect(touched == [Int64(i)])
        }
        #expect(book.total == Money(units: 63))
    }
}
