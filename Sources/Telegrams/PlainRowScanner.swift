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
/// It either reads a whole row with its line end or says that it is not that plain, so all judging of faults stays with
/// the general path.
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
    /// After the row's last byte, CR and LF not counted.
    private(set) var end = 0
    /// Where the next line begins.
    private(set) var next = 0

    @inline(__always)
    init(_ base: UnsafePointer<UInt8>, _ limit: Int) {
        self.base = base
        self.limit = limit
    }

    /// Whether the line from `start` on is such a row and has as many columns as it should; what it says then stands in
    /// the properties.
    @inline(__always)
    mutating func scan(
        from start: Int,
        _ plan: borrowing PlainRowPlan,
        columnCount: Int,
        _ date: inout RememberedDate
    ) -> Bool {
        // What is blank or a comment is not for this path.
        guard start < limit, base[start] > UInt8(ascii: "#") else { return false }
        var i = start
        var column = 0
        while true {
            guard let cellEnd = endOfCell(i, plan) else { return false }
            if column < plan.roles.count, plan.roles[column] != .unused {
                guard take(i, cellEnd, plan.roles[column], plan.timeFormat, &date) else { return false }
            }
            column &+= 1
            i = cellEnd &+ 1
            guard base[cellEnd] == plan.delimiter else { return endRow(cellEnd, from: start) && column == columnCount }
        }
    }

    /// Whether the line ends at `i`, and is not too long.
    @inline(__always)
    private mutating func endRow(_ i: Int, from start: Int) -> Bool {
        end = i
        next = i &+ 1
        if base[i] == 0x0D {
            guard next < limit, base[next] == 0x0A else { return false }
            next &+= 1
        }
        return i &- start <= maximumLineByteCount
    }

    /// Where the next delimiter or line end stands; nil where something before it needs a closer look, or the chunk may
    /// end first.
    @inline(__always)
    private func endOfCell(_ start: Int, _ plan: borrowing PlainRowPlan) -> Int? {
        var i = start
        while i &+ 8 <= limit {
            let word = TextWord(base, i)
            let stops = word.unplain | word.equal(word: plan.delimiterWord) | word.equal(UInt8(ascii: "\""))
            i &+= TextWord.place(of: stops)
            guard stops != 0 else { continue }
            return base[i] == plan.delimiter || base[i] == 0x0A || base[i] == 0x0D ? i : nil
        }
        return nil
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
