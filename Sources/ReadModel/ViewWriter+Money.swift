package import MeterModel

extension ViewWriter {
    /// Inserts or replaces a device's balance.
    package func putBalance(_ row: BalanceRow) throws {
        let statement = try state.statement(.putBalance)
        let balance = row.balance
        let digits = row.currency.minorDigits
        statement.bind(1, Int64(row.deviceID))
        statement.bind(2, row.currency.code)
        statement.bind(3, balance.roundedText(minorDigits: digits))
        state.bind(balance.roundedMinorUnits(minorDigits: digits), to: statement, 4)
        state.scratch.removeAll(reserving: 256)
        bind(balance, to: statement, 5)
        bind(row.charges, to: statement, 6)
        bind(row.topUps, to: statement, 7)
        statement.bind(8, row.asOf?.milliseconds)
        try statement.run()
    }

    /// Deletes a device's balance, if there is one.
    package func removeBalance(device: UInt32) throws {
        let statement = try state.statement(.removeBalance)
        statement.bind(1, Int64(device))
        try statement.run()
    }

    /// Puts `lines` in place of a device's ledger of the local days `[from, to)`; nil is no bound.
    ///
    /// Lines of nothing but 0 are left out. The lines may come in any order; each lies in the span, and no two are of
    /// the same day, kind and period.
    /// - Throws: `ViewError.tooManyLedgerLines` where a day has more than 4096.
    package func replaceLedgerDays(device: UInt32, from: LocalDate?, to: LocalDate?, lines: [LedgerLine]) throws {
        let keys = LedgerKey.range(device: device, from: from, to: to)
        let deletion = try state.statement(.deleteLedger)
        deletion.bind(1, keys.lowerBound)
        deletion.bind(2, keys.upperBound)
        try deletion.run()
        var day: LocalDate?
        var ordinal = 0
        for line in ledgerOrder(lines) where !line.isNothing {
            ordinal = line.day == day ? ordinal + 1 : 0
            day = line.day
            guard ordinal < LedgerKey.linesPerDayMaximum else {
                throw ViewError.tooManyLedgerLines(device: device, day: line.day)
            }
            let id = LedgerKey.id(device: device, day: line.day, ordinal: ordinal)
            precondition(keys.contains(id), "a ledger line lies outside the days it replaces")
            try insert(line, id: id, device: device)
        }
    }

    private func insert(_ line: LedgerLine, id: Int64, device: UInt32) throws {
        let statement = try state.statement(.putLedger)
        state.scratch.removeAll(reserving: 256)
        statement.bind(1, id)
        statement.bind(2, Int64(device))
        state.bindText(to: statement, 3) { $0.append(day: line.day) }
        state.bindText(to: statement, 4) { $0.append(line.kind.rawValue) }
        statement.bind(5, line.period)
        if let quantity = line.quantityMilli {
            state.bind(quantity, to: statement, 6)
        } else {
            statement.bindNull(6)
        }
        if let price = line.price {
            state.bindText(to: statement, 7) {
                $0.append(decimal: price.coefficient, fractionDigits: price.fractionDigits)
            }
        } else {
            statement.bindNull(7)
        }
        bind(line.amount, to: statement, 8)
        try statement.run()
    }

    /// The order of output: day, kind, period, texts by their bytes and none first.
    private func ledgerOrder(_ lines: [LedgerLine]) -> [LedgerLine] {
        if lines.count < 2 || zip(lines, lines.dropFirst()).allSatisfy({ !comesBefore($1, $0) }) { return lines }
        return lines.sorted(by: comesBefore)
    }

    private func comesBefore(_ a: LedgerLine, _ b: LedgerLine) -> Bool {
        if a.day != b.day { return a.day < b.day }
        if a.kind != b.kind { return a.kind.rawValue.utf8.lexicographicallyPrecedes(b.kind.rawValue.utf8) }
        guard let before = a.period, let after = b.period else { return a.period == nil && b.period != nil }
        return before.utf8.lexicographicallyPrecedes(after.utf8)
    }

    func bind(_ money: Money, to statement: SQLStatement, _ parameter: Int32) {
        state.bindText(to: statement, parameter) {
            $0.append(decimal: money.units, fractionDigits: Money.fractionDigits)
        }
    }
}
