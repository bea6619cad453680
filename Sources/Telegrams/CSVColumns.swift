import MeterModel

/// Which column fills which slot of a row.
struct CSVColumns: Sendable {
    /// The slots of a row: what is not a value, then the values.
    enum Slot {
        static let device = 0
        static let register = 1
        static let unit = 2
        static let quality = 3
        static let kind = 4
        static let time = 5
        static let start = 6
        static let end = 7
        static let receivedAt = 8
        static let date = 9
        static let hour = 10
        static let firstValue = 11
    }

    static let unused = UInt8.max

    /// For each column the slot it fills, or `unused`.
    private(set) var slotOfColumn: ContiguousArray<UInt8> = []
    /// For each slot whether a column fills it.
    private(set) var isFilled: ContiguousArray<Bool>
    /// How many columns a row has; nil where the first row will tell.
    var columnCount: Int?

    let slotCount: Int

    private init(slotCount: Int) {
        self.slotCount = slotCount
        isFilled = ContiguousArray(repeating: false, count: slotCount)
    }

    private static func wanted(_ profile: CSVProfile) -> [(slot: Int, column: CSVProfile.Column)] {
        let single: [(Int, CSVProfile.Column?)] = [
            (Slot.device, profile.device), (Slot.register, profile.register), (Slot.unit, profile.unit),
            (Slot.quality, profile.quality), (Slot.kind, profile.kind), (Slot.time, profile.time),
            (Slot.start, profile.start), (Slot.end, profile.end), (Slot.receivedAt, profile.receivedAt),
            (Slot.date, profile.date), (Slot.hour, profile.hour),
        ]
        var wanted = single.compactMap { slot, column in column.map { (slot: slot, column: $0) } }
        for (index, value) in profile.values.enumerated() {
            wanted.append((slot: Slot.firstValue + index, column: value.column))
        }
        return wanted
    }

    /// Columns that fill nothing, to find where a header ends.
    static func none(_ profile: CSVProfile) -> CSVColumns {
        CSVColumns(slotCount: Slot.firstValue + profile.values.count)
    }

    /// The columns of a profile, found in `header`; nil where the file has none.
    static func find(_ profile: CSVProfile, header: [String]?) throws(Refusal) -> CSVColumns {
        var columns = none(profile)
        columns.columnCount = header?.count
        if let header {
            columns.slotOfColumn = ContiguousArray(repeating: unused, count: header.count)
        }
        for (slot, column) in wanted(profile) {
            switch column {
            case .number(let number): try columns.fill(slot, number - 1, header)
            case .named(let name):
                guard let index = header?.firstIndex(where: { $0.utf8.elementsEqual(name.utf8) }) else {
                    if header != nil, !profile.ignoresOtherColumns { continue }
                    throw Refusal(.missingField, "the header has no column \"\(name)\"")
                }
                if header?[(index + 1)...].contains(where: { $0.utf8.elementsEqual(name.utf8) }) == true {
                    throw Refusal(.badCSV, "the header has \"\(name)\" twice")
                }
                try columns.fill(slot, index, header)
            }
        }
        if !profile.ignoresOtherColumns, let header {
            for (index, name) in header.enumerated() where columns.slotOfColumn[index] == unused {
                throw Refusal(.unknownField, "unknown column \"\(name.prefix(40))\"")
            }
        }
        try columns.check(profile)
        return columns
    }

    private mutating func fill(_ slot: Int, _ index: Int, _ header: [String]?) throws(Refusal) {
        if let header, index >= header.count {
            throw Refusal(.missingField, "there is no column \(index + 1), the header has \(header.count)")
        }
        while slotOfColumn.count <= index { slotOfColumn.append(CSVColumns.unused) }
        slotOfColumn[index] = UInt8(slot)
        isFilled[slot] = true
    }

    /// Whether a row can be a reading at all.
    private func check(_ profile: CSVProfile) throws(Refusal) {
        guard isFilled[Slot.device] || profile.fixedDevice != nil else { throw .missing("device") }
        guard (Slot.firstValue..<slotCount).contains(where: { isFilled[$0] }) else { throw .missing("value") }
        let hasSpan = isFilled[Slot.start] && isFilled[Slot.end]
        guard isFilled[Slot.time] || isFilled[Slot.date] || hasSpan else { throw .missing("readAt") }
    }
}
