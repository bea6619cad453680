package import MeterModel

extension ViewWriter {
    /// Inserts or replaces a device's balance.
    package func putBalance(_ balance: BalanceRow) throws {
        let digits = balance.currency.minorDigits
        try rows.put(.putBalance, key: Int64(balance.deviceID)) { row in
            row.add(Int64(balance.deviceID))
            row.add(balance.currency.code)
            row.add(balance.balance.roundedText(minorDigits: digits))
            row.add(milli: balance.balance.roundedMinorUnits(minorDigits: digits))
            row.add(balance.balance)
            row.add(balance.charges)
            row.add(balance.topUps)
            row.add(balance.asOf?.milliseconds)
        }
    }

    /// Deletes a device's balance, if there is one.
    package func removeBalance(device: UInt32) throws {
        let key = Int64(device)
        try rows.delete(.removeBalance, of: key..<key + 1) { $0.add(key) }
    }

    /// Puts `lines` in place of a device's ledger of the local days `[from, to)`; nil is no bound.
    ///
    /// Lines of nothing but 0 are left out. The lines may come in any order; each lies in the span, and no two are of
    /// the same day, kind and period.
    /// `isFirst`: the device has no lines yet.
    /// - Throws: `ViewError.tooManyLedgerLines` where a day has more than 4096.
    package func replaceLedgerDays(
        device: UInt32,
        from: LocalDate?,
        to: LocalDate?,
        isFirst: Bool = false,
        lines: [LedgerLine]
    ) throws {
        let keys = LedgerKey.range(device: device, from: from, to: to)
        if !isFirst {
            try rows.delete(.deleteLedger, of: keys) { deletion in
                deletion.add(keys.lowerBound)
                deletion.add(keys.upperBound)
            }
        }
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
        try rows.put(.putLedger, key: id) { row in
            row.add(id)
            row.add(Int64(device))
            row.add { $0.append(day: line.day) }
            row.add(line.kind.rawValue)
            row.add(line.period)
            if let quantity = line.quantityMilli { row.add(milli: quantity) } else { row.addNull() }
            if let price = line.price {
                row.add { $0.append(decimal: price.coefficient, fractionDigits: price.fractionDigits) }
            } else {
                row.addNull()
            }
            row.add(line.amount)
        }
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
}
