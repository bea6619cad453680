package import MeterModel

/// Decodes CSV by RFC 4180, with a header of our own names or by a profile.
///
/// A fault in a record's quotes refuses the line the record begins on; reading goes on with the line after it. A header
/// that does not fit ends the input.
package struct CSVDecoder: TelegramDecoder {
    private var framer = LineFramer()
    let profile: CSVProfile
    private var skippedLineCount = 0
    /// Nil until the header was read.
    private var columns: CSVColumns?
    /// Off in tests that hold the two paths against each other.
    private let usesPlainPath: Bool
    private var plan: PlainRowPlan?
    private var date = RememberedDate()
    private var devices = PendingDevices()
    private(set) package var hasEnded = false
    var row: CSVRow
    var clock: CivilClock
    var values: ContiguousArray<CSVValue> = []
    var scratch: ContiguousArray<UInt8> = []
    /// For each value column the index of its device, where the profile fixes it.
    var fixedDevices: ContiguousArray<UInt32>

    /// - Parameter profile: what the columns mean; nil for our own names.
    package init(profile: CSVProfile? = nil) { self.init(usesPlainPath: true, profile: profile) }

    init(usesPlainPath: Bool, profile: CSVProfile? = nil) {
        self.usesPlainPath = usesPlainPath
        self.profile = profile ?? .ownNames
        row = CSVRow(slotCount: CSVColumns.Slot.firstValue + self.profile.values.count)
        clock = CivilClock(self.profile.zone)
        fixedDevices = ContiguousArray(repeating: ReadingDraft.absent, count: self.profile.values.count)
        values.reserveCapacity(self.profile.values.count)
    }

    package var lineCount: UInt64 { framer.lineCount }

    package mutating func forgetNames() {
        for column in fixedDevices.indices { fixedDevices[column] = ReadingDraft.absent }
        plan?.register = ReadingDraft.absent
    }

    package mutating func decode(
        _ chunk: UnsafeRawBufferPointer,
        isLast: Bool,
        names: inout TelegramNames,
        into batch: inout DecodedBatch
    ) -> Int {
        if hasEnded { return chunk.count }
        var cursor = 0
        guard framer.begin(chunk, &cursor, isLast: isLast),
            let base = chunk.baseAddress?.assumingMemoryBound(to: UInt8.self)
        else { return 0 }
        while skippedLineCount < profile.skippedLineCount {
            guard framer.nextOfAnyKind(chunk, &cursor, isLast: isLast, &batch) != nil else { return cursor }
            skippedLineCount += 1
        }
        if columns == nil {
            guard let found = findColumns(chunk, base, &cursor, isLast: isLast, &batch) else {
                return hasEnded ? chunk.count : cursor
            }
            columns = found
            if usesPlainPath { plan = PlainRowPlan(profile, found) }
        }
        guard var columns else { return cursor }
        decodeRows(chunk, base, &cursor, isLast: isLast, &columns, &names, &batch)
        devices.settle(&names, &batch)
        self.columns = columns
        return cursor
    }

    /// Reads the header, if there is to be one. Nil where it is unfinished, or does not fit and so ends the input.
    private mutating func findColumns(
        _ chunk: UnsafeRawBufferPointer,
        _ base: UnsafePointer<UInt8>,
        _ cursor: inout Int,
        isLast: Bool,
        _ batch: inout DecodedBatch
    ) -> CSVColumns? {
        var line = Line(start: 0, end: 0, next: 0, number: 1, isASCII: true)
        do throws(Refusal) {
            guard profile.hasHeader else { return try CSVColumns.find(profile, header: nil) }
            guard let first = framer.next(chunk, &cursor, isLast: isLast, &batch) else { return nil }
            line = first
            let none = CSVColumns.none(profile)
            switch row.split(base, chunk.count, &line, isLast: isLast, none, profile.delimiter) {
            case .unfinished:
                framer.putBack(line)
                cursor = line.start
                return nil
            case .fault(let cause, let place):
                throw Refusal(.badCSV, "column \(place - line.start + 1): \(cause)")
            case .whole: break
            }
            if let fault = UTF8Validation.firstFault(chunk, from: line.start, to: line.end) {
                throw .badUTF8(at: fault - line.start)
            }
            framer.countFurtherLines(row.furtherLineCount)
            cursor = line.next
            let header = CSVRow.texts(base, line, profile.delimiter).map { CSVDecoder.trimmed($0) }
            return try CSVColumns.find(profile, header: header)
        } catch {
            batch.refuse(error, line)
            hasEnded = true
            return nil
        }
    }

    private static func trimmed(_ text: String) -> String {
        let tail = text.utf8.reversed().drop { $0 == 0x20 }.count
        return String(decoding: text.utf8.prefix(tail).drop { $0 == 0x20 }, as: UTF8.self)
    }

    /// Appends the readings of as many rows as are plain ones; `cursor` then stands at the next line.
    @inline(__always)
    private mutating func appendPlain(
        _ base: UnsafePointer<UInt8>,
        _ cursor: inout Int,
        _ limit: Int,
        _ columnCount: Int,
        _ names: inout TelegramNames,
        _ batch: inout DecodedBatch
    ) {
        guard plan != nil else { return }
        while true {
            var scanner = PlainRowScanner(base, limit)
            guard scanner.scan(from: cursor, plan.unsafelyUnwrapped, columnCount: columnCount, &date) else { return }
            var register = ReadingDraft.absent
            if !scanner.register.isEmpty {
                let text = UnsafeBufferPointer(start: base + scanner.register.lowerBound, count: scanner.register.count)
                register = names.registers.intern(text)
            } else if let name = plan.unsafelyUnwrapped.registerName {
                if plan.unsafelyUnwrapped.register == ReadingDraft.absent {
                    plan?.register = names.registers.intern(name)
                }
                register = plan.unsafelyUnwrapped.register
            }
            batch.readings.append(
                ReadingDraft(
                    line: framer.countLine(),
                    rawOffset: UInt32(truncatingIfNeeded: cursor),
                    rawByteCount: UInt32(truncatingIfNeeded: scanner.end - cursor),
                    device: ReadingDraft.absent,
                    register: register,
                    coefficient: scanner.value.coefficient,
                    fractionDigits: scanner.value.fractionDigits,
                    unit: scanner.unit != 0 ? scanner.unit : plan.unsafelyUnwrapped.unit,
                    quality: .measured,
                    isInterval: false,
                    at: scanner.at,
                    start: ReadingDraft.absentInstant,
                    receivedAt: ReadingDraft.absentInstant
                )
            )
            devices.add(base, scanner.device, &names, &batch)
            cursor = scanner.next
        }
    }

    @inline(__always)
    private mutating func decodeRows(
        _ chunk: UnsafeRawBufferPointer,
        _ base: UnsafePointer<UInt8>,
        _ cursor: inout Int,
        isLast: Bool,
        _ columns: inout CSVColumns,
        _ names: inout TelegramNames,
        _ batch: inout DecodedBatch
    ) {
        while true {
            if let count = columns.columnCount, framer.isAtLine {
                appendPlain(base, &cursor, chunk.count, count, &names, &batch)
            }
            guard var line = framer.next(chunk, &cursor, isLast: isLast, &batch) else { return }
            devices.settle(&names, &batch)
            switch row.split(base, chunk.count, &line, isLast: isLast, columns, profile.delimiter) {
            case .unfinished:
                framer.putBack(line)
                cursor = line.start
                return
            case .fault(let cause, let place):
                batch.refuse(Refusal(.badCSV, "column \(place - line.start + 1): \(cause)"), line)
                continue
            case .whole: break
            }
            if row.furtherLineCount > 0 {
                framer.countFurtherLines(row.furtherLineCount)
                cursor = line.next
            }
            if !line.isASCII, let fault = UTF8Validation.firstFault(chunk, from: line.start, to: line.end) {
                batch.refuse(.badUTF8(at: fault - line.start), line)
                continue
            }
            let expected = columns.columnCount ?? row.columnCount
            guard row.columnCount == expected, expected >= columns.slotOfColumn.count else {
                let count = max(expected, columns.slotOfColumn.count)
                batch.refuse(Refusal(.badCSV, "\(row.columnCount) columns in place of \(count)"), line)
                continue
            }
            columns.columnCount = expected
            let refusal: Refusal?
            if row.hasDoubledQuotes {
                let text = row.unescape(base, line)
                refusal = text.withUnsafeBufferPointer { text in
                    text.baseAddress.map { append($0, line, columns, &names, &batch) } ?? nil
                }
            } else {
                refusal = append(base, line, columns, &names, &batch)
            }
            if let refusal { batch.refuse(refusal, line) }
        }
    }
}
