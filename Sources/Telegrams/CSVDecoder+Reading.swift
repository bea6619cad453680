import MeterModel

/// A value of the row at hand.
struct CSVValue: Sendable {
    /// Which of the profile's value columns.
    var column: Int
    var value: ReadingValue
}

/// From the cells of a row to its readings.
extension CSVDecoder {
    private typealias Slot = CSVColumns.Slot

    /// Appends the readings of the row, or says why there are none. The cells lie in `base`.
    @inline(__always)
    mutating func append(
        _ base: UnsafePointer<UInt8>,
        _ line: Line,
        _ columns: borrowing CSVColumns,
        _ names: inout TelegramNames,
        _ batch: inout DecodedBatch
    ) -> Refusal? {
        let isFilled = columns.isFilled
        if isFilled[Slot.device], row.cells[Slot.device].isEmpty { return .missing("device") }
        var draft = LineProtocolDecoder.emptyDraft(line)
        if let refusal = checkShape(base, isFilled, &draft.isInterval) { return refusal }
        var missingCount = 0
        if let refusal = readValues(base, isFilled, &missingCount) { return refusal }
        if values.isEmpty {
            batch.missingValueCount += missingCount
            return nil
        }
        if draft.isInterval {
            for k in 0..<values.count where values[k].value.coefficient < 0 { return .negativeInterval }
        }
        if let refusal = readWords(base, isFilled, &draft) { return refusal }
        let device = internDevice(base, isFilled, values[0].column, &names)
        let register = internRegister(base, isFilled, values[0].column, &names)
        let series = UInt64(device) << 32 | UInt64(register ?? ReadingDraft.absent)
        if let refusal = readTimes(base, isFilled, series, &draft) { return refusal }
        guard device != ReadingDraft.absent else { return .nameSyntax("device") }
        guard var register else { return .nameSyntax("register") }
        draft.device = device
        for k in 0..<values.count {
            let column = values[k].column
            if k > 0 {
                draft.device = internDevice(base, isFilled, column, &names)
                register = internRegister(base, isFilled, column, &names) ?? ReadingDraft.absent
            }
            var reading = draft
            reading.register = register
            reading.coefficient = values[k].value.coefficient
            reading.fractionDigits = values[k].value.fractionDigits
            if reading.unit == 0 {
                reading.unit = (profile.values[column].unit ?? profile.fixedUnit)?.rawValue ?? 0
            }
            batch.readings.append(reading)
        }
        batch.missingValueCount += missingCount
        return nil
    }

    /// Tells interval rows from others, and whether either has what it needs.
    @inline(__always)
    private func checkShape(
        _ base: UnsafePointer<UInt8>,
        _ isFilled: ContiguousArray<Bool>,
        _ isInterval: inout Bool
    ) -> Refusal? {
        let hasSpan = isFilled[Slot.start] && isFilled[Slot.end]
        if isFilled[Slot.kind] {
            let kind = trim(base, row.cells[Slot.kind])
            if !kind.isEmpty {
                guard WireWords.matches(base, kind.start, kind.end, "interval") else {
                    return .unknownWord("kind", text(base, kind))
                }
                isInterval = true
            }
        } else {
            isInterval = profile.intervalMilliseconds != nil || (hasSpan && !isFilled[Slot.time])
        }
        if isInterval, profile.intervalMilliseconds == nil {
            if !isFilled[Slot.start] || row.cells[Slot.start].isEmpty { return .missing("start") }
            if !isFilled[Slot.end] || row.cells[Slot.end].isEmpty { return .missing("end") }
            if isFilled[Slot.time], !row.cells[Slot.time].isEmpty {
                return Refusal(.unknownField, "readAt does not belong to an interval")
            }
            return nil
        }
        for slot in [Slot.start, Slot.end] where isFilled[slot] && !row.cells[slot].isEmpty {
            return Refusal(.unknownField, "start and end belong to rows of kind interval alone")
        }
        let timeSlot = isFilled[Slot.date] ? Slot.date : Slot.time
        return isFilled[timeSlot] && !row.cells[timeSlot].isEmpty ? nil : .missing("readAt")
    }

    @inline(__always)
    private mutating func readValues(
        _ base: UnsafePointer<UInt8>,
        _ isFilled: ContiguousArray<Bool>,
        _ missingCount: inout Int
    ) -> Refusal? {
        values.removeAll(keepingCapacity: true)
        for column in 0..<fixedDevices.count {
            let cell = trim(base, row.cells[Slot.firstValue + column])
            if cell.isEmpty {
                guard profile.skipsEmptyValues else { return .missing("value") }
                missingCount += 1
                continue
            }
            if !profile.missingMarkers.isEmpty, isMissingMarker(base, cell) {
                missingCount += 1
                continue
            }
            var value = ReadingValue(coefficient: 0, fractionDigits: 0)
            let point = profile.hasDecimalComma ? UInt8(ascii: ",") : UInt8(ascii: ".")
            if ReadingValue.scanPlain(base, cell.start, cell.end, limit: cell.end, point: point, &value) != cell.end
                || profile.powerOfTen != 0
            {
                switch readGenerally(base, cell) {
                case .success(let read): value = read
                case .failure(let refusal): return refusal
                }
            }
            values.append(CSVValue(column: column, value: value))
        }
        return nil
    }

    private func isMissingMarker(_ base: UnsafePointer<UInt8>, _ cell: CSVRow.Cell) -> Bool {
        profile.missingMarkers.contains { $0.utf8.elementsEqual(text(base, cell)) }
    }

    /// A value with an exponent, a decimal comma or a power of ten of the profile's.
    private func readGenerally(_ base: UnsafePointer<UInt8>, _ cell: CSVRow.Cell) -> Result<ReadingValue, Refusal> {
        let written = text(base, cell)
        var bytes = ContiguousArray(written)
        if profile.hasDecimalComma {
            guard !bytes.contains(UInt8(ascii: ".")) else { return .failure(ReadingValue.notADecimal(written)) }
            for k in bytes.indices where bytes[k] == UInt8(ascii: ",") { bytes[k] = UInt8(ascii: ".") }
        }
        if profile.powerOfTen != 0 {
            guard !bytes.contains(where: { $0 | 0x20 == UInt8(ascii: "e") }) else {
                return .failure(ReadingValue.notADecimal(written))
            }
            bytes.append(contentsOf: "e\(profile.powerOfTen)".utf8)
        }
        return bytes.withUnsafeBufferPointer { ReadingValue.read($0) }
            .mapError { $0.code == .valueSyntax ? ReadingValue.notADecimal(written) : $0 }
    }

    @inline(__always)
    private func readWords(
        _ base: UnsafePointer<UInt8>,
        _ isFilled: ContiguousArray<Bool>,
        _ draft: inout ReadingDraft
    ) -> Refusal? {
        if isFilled[Slot.unit] {
            let cell = trim(base, row.cells[Slot.unit])
            if !cell.isEmpty {
                draft.unit = WireWords.unit(base, cell.start, cell.end)
                if draft.unit == 0 { return .unknownWord("unit", text(base, cell)) }
            }
        }
        draft.quality = profile.fixedQuality ?? .measured
        if isFilled[Slot.quality] {
            let cell = trim(base, row.cells[Slot.quality])
            if !cell.isEmpty {
                guard let quality = WireWords.quality(base, cell.start, cell.end) else {
                    return .unknownWord("quality", text(base, cell))
                }
                draft.quality = quality
            }
        }
        return nil
    }

    /// The device's index, or `absent` where it is no name.
    @inline(__always)
    private mutating func internDevice(
        _ base: UnsafePointer<UInt8>,
        _ isFilled: ContiguousArray<Bool>,
        _ column: Int,
        _ names: inout TelegramNames
    ) -> UInt32 {
        if !isFilled[Slot.device], fixedDevices[column] != ReadingDraft.absent { return fixedDevices[column] }
        let cell = row.cells[Slot.device]
        if isFilled[Slot.device], profile.devicePrefix.isEmpty, profile.values[column].deviceSuffix.isEmpty {
            let name = text(base, cell)
            return Name.isValid(name) ? names.devices.intern(name) : ReadingDraft.absent
        }
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: profile.devicePrefix.utf8)
        if isFilled[Slot.device] {
            scratch.append(contentsOf: text(base, cell))
        } else {
            scratch.append(contentsOf: (profile.fixedDevice ?? "").utf8)
        }
        scratch.append(contentsOf: profile.values[column].deviceSuffix.utf8)
        let index = scratch.withUnsafeBufferPointer {
            Name.isValid($0) ? names.devices.intern($0) : ReadingDraft.absent
        }
        if !isFilled[Slot.device] { fixedDevices[column] = index }
        return index
    }

    /// The register's index, `absent` where none is told; nil where it is no name.
    @inline(__always)
    private func internRegister(
        _ base: UnsafePointer<UInt8>,
        _ isFilled: ContiguousArray<Bool>,
        _ column: Int,
        _ names: inout TelegramNames
    ) -> UInt32? {
        if let register = profile.values[column].register { return names.registers.intern(register) }
        if isFilled[Slot.register], !row.cells[Slot.register].isEmpty {
            let name = text(base, row.cells[Slot.register])
            return Name.isValid(name) ? names.registers.intern(name) : nil
        }
        return profile.fixedRegister.map { names.registers.intern($0) } ?? ReadingDraft.absent
    }

    func text(_ base: UnsafePointer<UInt8>, _ cell: CSVRow.Cell) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: base + cell.start, count: cell.end - cell.start)
    }

    /// The cell without the spaces around its text.
    @inline(__always)
    func trim(_ base: UnsafePointer<UInt8>, _ cell: CSVRow.Cell) -> CSVRow.Cell {
        var cell = cell
        while cell.start < cell.end, base[cell.start] == 0x20 { cell.start += 1 }
        while cell.start < cell.end, base[cell.end - 1] == 0x20 { cell.end -= 1 }
        return cell
    }
}
