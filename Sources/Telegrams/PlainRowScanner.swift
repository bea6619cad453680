import MeterModel

/// What the fast path of CSV needs to know of the columns; there is none where rows are never that plain.
struct PlainRowPlan: Sendable {
    enum Role: UInt8 {
        case unused
        case device
        case register
        case unit
        case time
        case value
    }

    /// For each column that is mapped, and those before it, what it holds.
    fileprivate var roles: ContiguousArray<Role>
    fileprivate let timeFormat: CSVProfile.TimeFormat
    fileprivate let delimiter: UInt8
    /// The delimiter eight times.
    fileprivate let delimiterWord: UInt64
    /// The register that the profile gives, and the index of its name once it was met.
    private(set) var registerName: String?
    var register = ReadingDraft.absent
    /// The raw value of the profile's unit, 0 for none.
    let unit: UInt8

    /// - Returns: nil where a row may be something else than a register reading of one value under the device's name.
    init?(_ profile: CSVProfile, _ columns: CSVColumns) {
        typealias Slot = CSVColumns.Slot
        let rarer = [
            Slot.quality, Slot.kind, Slot.start, Slot.end, Slot.receivedAt, Slot.date, Slot.hour,
        ]
        guard profile.values.count == 1, profile.devicePrefix.isEmpty, profile.values[0].deviceSuffix.isEmpty,
            profile.intervalMilliseconds == nil, profile.fixedQuality == nil, profile.missingMarkers.isEmpty,
            profile.powerOfTen == 0, !profile.hasDecimalComma, !rarer.contains(where: { columns.isFilled[$0] }),
            [Slot.device, Slot.time, Slot.firstValue].allSatisfy({ columns.isFilled[$0] })
        else { return nil }
        if case .pattern = profile.timeFormat { return nil }
        let hasFixedRegister = profile.values[0].register != nil
        roles = ContiguousArray(
            columns.slotOfColumn.map { slot in
                switch Int(slot) {
                case Slot.device: .device
                case Slot.register: hasFixedRegister ? .unused : .register
                case Slot.unit: .unit
                case Slot.time: .time
                case Slot.firstValue: .value
                default: .unused
                }
            }
        )
        timeFormat = profile.timeFormat
        delimiter = profile.delimiter
        delimiterWord = TextWord.repeating(profile.delimiter)
        registerName = profile.values[0].register ?? profile.fixedRegister
        unit = (profile.values[0].unit ?? profile.fixedUnit)?.rawValue ?? 0
    }
}

/// The fast path of CSV: a row of ASCII without quotes, no cell in use empty.
///
/// It either reads a whole row or says that it is not that plain, so all judging of faults stays with the general path.
struct PlainRowScanner {
    private let base: UnsafePointer<UInt8>
    /// Where the chunk ends: up to there eight bytes may be loaded at once.
    private let limit: Int
    private(set) var device = 0..<0
    private(set) var register = 0..<0
    /// The raw value of the unit's column, 0 where there is none.
    private(set) var unit: UInt8 = 0
    private(set) var at: Int64 = 0
    private(set) var value = ReadingValue(coefficient: 0, fractionDigits: 0)

    @inline(__always)
    init(_ base: UnsafePointer<UInt8>, _ limit: Int) {
        self.base = base
        self.limit = limit
    }

    /// Whether the row is that plain and has as many columns as it should; what it says then stands in the properties.
    @inline(__always)
    mutating func scan(
        _ line: Line,
        _ plan: borrowing PlainRowPlan,
        columnCount: Int,
        _ date: inout RememberedDate
    ) -> Bool {
        var i = line.start
        var column = 0
        while true {
            let start = i
            guard let end = endOfCell(i, line.end, plan) else { return false }
            i = end
            if column < plan.roles.count, plan.roles[column] != .unused {
                guard take(start, i, plan.roles[column], plan.timeFormat, &date) else { return false }
            }
            column += 1
            guard i < line.end else { return column == columnCount }
            i += 1
        }
    }

    /// Where the next delimiter stands, or the line's end; nil where something before it needs a closer look.
    @inline(__always)
    private func endOfCell(_ start: Int, _ end: Int, _ plan: borrowing PlainRowPlan) -> Int? {
        var i = start
        while i + 8 <= limit {
            let word = TextWord(base, i)
            let stops = word.unplain | word.equal(word: plan.delimiterWord) | word.equal(UInt8(ascii: "\""))
            i += TextWord.place(of: stops)
            guard i < end else { return end }
            if stops != 0 { return base[i] == plan.delimiter ? i : nil }
        }
        while i < end, base[i] != plan.delimiter {
            if base[i] == UInt8(ascii: "\"") || base[i] < 0x20 || base[i] == 0x7F { return nil }
            i += 1
        }
        return i
    }

    @inline(__always)
    private mutating func take(
        _ start: Int,
        _ end: Int,
        _ role: PlainRowPlan.Role,
        _ timeFormat: CSVProfile.TimeFormat,
        _ date: inout RememberedDate
    ) -> Bool {
        switch role {
        case .unused: return true
        case .device:
            device = start..<end
            return !device.isEmpty && device.count <= Name.maximumByteCount
        case .register:
            register = start..<end
            return !register.isEmpty && register.count <= Name.maximumByteCount
        case .unit:
            unit = WireWords.unit(base, start, end)
            return unit != 0
        case .value:
            return ReadingValue.scanPlain(base, start, end, limit: limit, point: UInt8(ascii: "."), &value) == end
        case .time: return takeTime(start, end, timeFormat, &date)
        }
    }

    @inline(__always)
    private mutating func takeTime(
        _ start: Int,
        _ end: Int,
        _ format: CSVProfile.TimeFormat,
        _ date: inout RememberedDate
    ) -> Bool {
        switch format {
        case .automatic, .rfc3339:
            if let milliseconds = InstantScanner.rfc3339(base, start, end, &date) {
                at = milliseconds
                return true
            }
            guard format == .automatic, case .success(let count) = InstantScanner.integer(base, start, end) else {
                return false
            }
            at = InstantScanner.milliseconds(ofCount: count)
            return true
        case .epochSeconds, .epochMilliseconds:
            guard case .success(let count) = InstantScanner.integer(base, start, end) else { return false }
            let (milliseconds, overflow) = count.multipliedReportingOverflow(by: format == .epochSeconds ? 1000 : 1)
            at = milliseconds
            return !overflow
        case .pattern: return false
        }
    }
}
