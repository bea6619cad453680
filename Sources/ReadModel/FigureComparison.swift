package import MeterModel

/// Two databases of views side by side: what each device is charged, owes since when, and was pushed, and the totals of
/// each currency.
///
/// Devices are matched by name, so the two need not be of one log. A device whose money is in two currencies has two
/// lines.
package struct FigureComparison {
    /// A device on both sides; nil where that side does not have it, or has its money in another currency.
    package struct Line: Hashable, Sendable {
        package var a: DeviceFigures?
        package var b: DeviceFigures?

        package var device: String { a?.device ?? b?.device ?? "" }
        package var currency: Currency? { a?.currency ?? b?.currency }
        /// Whether any figure differs.
        package var differs: Bool { a != b }
    }

    /// What all devices with one currency come to on one side.
    package struct Sums: Hashable, Sendable {
        package var charges = Money.zero
        package var balance = Money.zero
        package var inArrears: Int64 = 0
        package var crossings: Int64 = 0
        package var pushes: Int64 = 0

        mutating func add(_ figures: DeviceFigures) {
            charges += figures.charges ?? .zero
            balance += figures.balance ?? .zero
            inArrears += figures.isInArrears ? 1 : 0
            crossings += figures.crossings
            pushes += figures.pushes
        }
    }

    /// Both sides' sums of one currency.
    package struct Total: Hashable, Sendable {
        package var currency: Currency
        package var a = Sums()
        package var b = Sums()
    }

    /// Ascending by device.
    package var lines: [Line]
    /// Ascending by currency; of every device, whatever `lines` leaves out.
    package var totals: [Total]

    /// - Parameters:
    ///   - a: one store.
    ///   - b: the store that it is held against; not the same object.
    ///   - onlyDifferent: whether devices with the same figures on both sides are left out.
    /// - Returns: the lines and totals.
    /// - Throws: `ViewError` as SQLite says.
    package static func compare(
        _ a: ViewStore,
        _ b: ViewStore,
        onlyDifferent: Bool = false
    ) throws -> FigureComparison {
        try a.read { aReader in
            try b.read { bReader in
                var comparison = FigureComparison(lines: [], totals: [])
                var totals: [String: Total] = [:]
                try forEachLine(aReader, bReader) { line in
                    if let currency = line.currency {
                        var total = totals[currency.code] ?? Total(currency: currency)
                        if let figures = line.a { total.a.add(figures) }
                        if let figures = line.b { total.b.add(figures) }
                        totals[currency.code] = total
                    }
                    if line.differs || !onlyDifferent { comparison.lines.append(line) }
                }
                comparison.totals = totals.sorted { $0.key < $1.key }.map(\.value)
                return comparison
            }
        }
    }

    private static func forEachLine(_ a: ViewReader, _ b: ViewReader, _ body: (Line) -> Void) throws {
        var (ours, theirs) = (try a.deviceFigures(), try b.deviceFigures())
        while true {
            switch (ours.current, theirs.current) {
            case (nil, nil): return
            case (let our?, let their?) where our.device.utf8.elementsEqual(their.device.utf8):
                // Money on one side alone stands beside the other's nothing.
                if let ourCurrency = our.currency, let theirCurrency = their.currency, ourCurrency != theirCurrency {
                    body(Line(a: our, b: nil))
                    body(Line(a: nil, b: their))
                } else {
                    body(Line(a: our, b: their))
                }
                try ours.advance()
                try theirs.advance()
            case (let our?, let their)
            where their.map { our.device.utf8.lexicographicallyPrecedes($0.device.utf8) } ?? true:
                body(Line(a: our, b: nil))
                try ours.advance()
            case (_, let their):
                body(Line(a: nil, b: their))
                try theirs.advance()
            }
        }
    }
}

// MARK: Rows

extension FigureComparison {
    private static let columns = [
        RowColumn("row"), RowColumn("device"), RowColumn("currency"), RowColumn("chargesA", .trailing),
        RowColumn("chargesB", .trailing), RowColumn("chargesDifference", .trailing), RowColumn("balanceA", .trailing),
        RowColumn("balanceB", .trailing), RowColumn("balanceDifference", .trailing), RowColumn("arrearsA", .trailing),
        RowColumn("arrearsB", .trailing), RowColumn("arrearsSinceA"), RowColumn("arrearsSinceB"),
        RowColumn("crossingsA", .trailing), RowColumn("crossingsB", .trailing),
        RowColumn("crossingsDifference", .trailing), RowColumn("pushesA", .trailing), RowColumn("pushesB", .trailing),
        RowColumn("pushesDifference", .trailing),
    ]

    /// Writes a row for each line, then one for each total; differences are what B has more than A.
    package func write(to sink: any RowSink) throws {
        let cells = RowCells()
        try sink.begin(FigureComparison.columns)
        for line in lines {
            cells.removeAll()
            cells.add(.text) { $0.append("device" as StaticString) }
            cells.add(.text) { $0.append(line.device) }
            cells.add(line.currency?.code)
            cells.addDifference(line.a?.charges, line.b?.charges) { $0.exactText }
            let digits = line.currency?.minorDigits ?? 0
            cells.addDifference(line.a?.balance, line.b?.balance) { $0.roundedText(minorDigits: digits) }
            cells.add(integer: line.a.map { $0.isInArrears ? 1 : 0 })
            cells.add(integer: line.b.map { $0.isInArrears ? 1 : 0 })
            for figures in [line.a, line.b] {
                if let since = figures?.arrearsSince {
                    cells.add(.text) { $0.append(instant: since.milliseconds) }
                } else {
                    cells.add(.null)
                }
            }
            cells.addDifference(line.a?.crossings, line.b?.crossings)
            cells.addDifference(line.a?.pushes, line.b?.pushes)
            try sink.row(cells)
        }
        for total in totals {
            cells.removeAll()
            cells.add(.text) { $0.append("total" as StaticString) }
            cells.add(.null)
            cells.add(total.currency.code)
            cells.addDifference(total.a.charges, total.b.charges) { $0.exactText }
            let digits = total.currency.minorDigits
            cells.addDifference(total.a.balance, total.b.balance) { $0.roundedText(minorDigits: digits) }
            cells.add(integer: total.a.inArrears)
            cells.add(integer: total.b.inArrears)
            cells.add(.null)
            cells.add(.null)
            cells.addDifference(total.a.crossings, total.b.crossings)
            cells.addDifference(total.a.pushes, total.b.pushes)
            try sink.row(cells)
        }
        try sink.end()
    }
}

extension RowCells {
    fileprivate func add(_ text: String?) {
        if let text { add(.text) { $0.append(text) } } else { add(.null) }
    }

    fileprivate func add(integer value: Int64?) {
        if let value { add(integer: value) as Void } else { add(.null) }
    }

    /// Three cells: A, B, and what B has more; what is not there counts as 0 where the other is.
    fileprivate func addDifference(_ a: Money?, _ b: Money?, _ text: (Money) -> String) {
        add(a.map(text))
        add(b.map(text))
        add(a == nil && b == nil ? nil : text((b ?? .zero) - (a ?? .zero)))
    }

    fileprivate func addDifference(_ a: Int64?, _ b: Int64?) {
        add(integer: a)
        add(integer: b)
        add(integer: (b ?? 0) - (a ?? 0))
    }
}
