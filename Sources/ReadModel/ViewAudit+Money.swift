import MeterModel

/// The laws of money that the rows alone can tell.
extension ViewAudit {
    /// What a device's ledger adds up to.
    private struct LedgerSums {
        var payments = Money.zero
        var charges = Money.zero
    }

    mutating func readMoney(_ reader: ViewReader) throws {
        var ledgers: [UInt32: LedgerSums] = [:]
        let lines = try reader.statement("SELECT device_id, kind, amount FROM ledger")
        while try lines.step() {
            let device = UInt32(truncatingIfNeeded: lines.integer(0))
            let amount = try money(lines, 2)
            switch LedgerKind(rawValue: lines.text(1)) {
            case .topUp, .refund, .adjustment: ledgers[device, default: LedgerSums()].payments.add(amount)
            case .energy, .tier, .standing, .tax: ledgers[device, default: LedgerSums()].charges.add(-amount)
            case nil: throw ViewError.corrupt("no kind of a ledger line: \(lines.text(1))")
            }
        }
        let rows = try reader.statement(
            """
            SELECT device_id, currency, balance, balance_minor, balance_exact, charges, top_ups
            FROM balance ORDER BY device_id
            """
        )
        while try rows.step() {
            let device = UInt32(truncatingIfNeeded: rows.integer(0))
            let exact = try money(rows, 4)
            balances[device] = exact
            try checkSums(device, ledgers.removeValue(forKey: device) ?? LedgerSums(), rows, exact)
            try checkRounding(device, rows, exact)
        }
        for device in ledgers.keys.sorted() {
            note(.ledger, device, "ledger lines", expected: "a balance that they sum to", found: "none")
        }
    }

    private mutating func checkSums(
        _ device: UInt32,
        _ ledger: LedgerSums,
        _ rows: SQLStatement,
        _ exact: Money
    ) throws {
        let charges = try money(rows, 5)
        let payments = try money(rows, 6)
        for (subject, expected, found) in [
            ("sum of the ledger lines", exact, ledger.payments.adding(-ledger.charges)),
            ("sum of the lines of charges", charges, ledger.charges),
            ("sum of the lines of payments", payments, ledger.payments),
            ("payments less charges", exact, payments.adding(-charges)),
        ] where expected != found {
            note(.ledger, device, subject, expected: expected.exactText, found: found.exactText)
        }
    }

    private mutating func checkRounding(_ device: UInt32, _ rows: SQLStatement, _ exact: Money) throws {
        guard let currency = Currency(rows.text(1)) else { throw ViewError.corrupt("no currency: \(rows.text(1))") }
        let text = exact.roundedText(minorDigits: currency.minorDigits)
        if rows.text(2) != text { note(.rounding, device, "balance", expected: text, found: rows.text(2)) }
        let minor = exact.roundedMinorUnits(minorDigits: currency.minorDigits)
        let shown = try rows.wideInteger(3)
        if shown != minor { note(.rounding, device, "balance in minor units", expected: minor, found: shown) }
    }

    func money(_ rows: SQLStatement, _ column: Int32) throws -> Money {
        guard let decimal = ExactDecimal(rows.text(column)), let money = Money(decimal) else {
            throw ViewError.corrupt("no amount: \(rows.text(column))")
        }
        return money
    }
}

extension Money {
    /// Sums that wrap around: whatever a file says must not stop the program.
    fileprivate func adding(_ other: Money) -> Money { Money(units: units &+ other.units) }

    fileprivate mutating func add(_ other: Money) { self = adding(other) }
}
