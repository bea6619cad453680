package import MeterModel

/// Decodes InfluxDB line protocol: `measurement,device=E-1,register=1-0:1.8.0 value=12.5 1735689600000000000`.
///
/// Lines end at every LF, within a string too. A line without a timestamp was read when it is received.
package struct LineProtocolDecoder: TelegramDecoder {
    private var framer = LineFramer()
    private let precision: TimestampPrecision
    let profile: LineProtocolProfile
    private let tagKeys: LineProtocolKeys
    private let fieldKeys: LineProtocolKeys
    /// Off in tests that hold the two paths against each other.
    private let usesPlainPath: Bool
    private let isPlainlyNamed: Bool
    private var plainFields: ContiguousArray<PlainField>
    private var shapes = LineShapes()
    private var devices = PendingDevices()
    var values: ContiguousArray<FieldValue> = []
    var scratch: ContiguousArray<UInt8> = []

    /// A mapped field of the line at hand.
    struct FieldValue {
        var field: Int
        var token: LineToken
        var isNumber: Bool
        /// Nil where the plain way could not read it.
        var value: ReadingValue?
    }

    /// The tokens of the line at hand that mean something.
    struct Tokens {
        var device = LineToken.absent
        var deviceRank = Int.max
        var register = LineToken.absent
        var unit = LineToken.absent
        var quality = LineToken.absent
        var timestamp = LineToken.absent
        var ignoredCount = 0
    }

    /// What the plain path needs of a mapped field.
    private struct PlainField {
        /// Whether the profile puts nothing around the device's name.
        var keepsDeviceName: Bool
        var hasRegister: Bool
        /// The index of the profile's register, once it was met.
        var register = ReadingDraft.absent
        /// The raw value of the profile's unit, 0 for none.
        var unit: UInt8
    }

    /// - Parameters:
    ///   - precision: the unit of timestamps.
    ///   - profile: which tags and fields mean what; nil for our own names.
    package init(precision: TimestampPrecision = .nanoseconds, profile: LineProtocolProfile? = nil) {
        self.init(usesPlainPath: true, precision: precision, profile: profile)
    }

    init(
        usesPlainPath: Bool,
        precision: TimestampPrecision = .nanoseconds,
        profile: LineProtocolProfile? = nil
    ) {
        self.usesPlainPath = usesPlainPath
        self.precision = precision
        self.profile = profile ?? LineProtocolProfile()
        tagKeys = .tags(self.profile)
        fieldKeys = .fields(self.profile)
        isPlainlyNamed =
            self.profile.devicePrefix.isEmpty
            && self.profile.fields.allSatisfy { $0.register == nil && $0.unit == nil && $0.deviceSuffix.isEmpty }
        let hasPrefix = !self.profile.devicePrefix.isEmpty
        plainFields = ContiguousArray(
            self.profile.fields.map {
                PlainField(
                    keepsDeviceName: !hasPrefix && $0.deviceSuffix.isEmpty,
                    hasRegister: $0.register != nil,
                    unit: $0.unit?.rawValue ?? 0
                )
            }
        )
        values.reserveCapacity(LineProtocolProfile.maximumFieldCount)
    }

    package mutating func forgetNames() {
        for k in plainFields.indices { plainFields[k].register = ReadingDraft.absent }
        shapes.removeAll()
    }

    package var hasEnded: Bool { false }

    package var lineCount: UInt64 { framer.lineCount }

    package mutating func decode(
        _ chunk: UnsafeRawBufferPointer,
        isLast: Bool,
        names: inout TelegramNames,
        into batch: inout DecodedBatch
    ) -> Int {
        var cursor = 0
        guard framer.begin(chunk, &cursor, isLast: isLast),
            let base = chunk.baseAddress?.assumingMemoryBound(to: UInt8.self)
        else { return 0 }
        while true {
            if usesPlainPath, framer.isAtLine { appendAlike(base, &cursor, chunk.count, &names, &batch) }
            guard let line = framer.next(chunk, &cursor, isLast: isLast, &batch) else { break }
            if !line.isASCII, let fault = UTF8Validation.firstFault(chunk, from: line.start, to: line.end) {
                batch.refuse(.badUTF8(at: fault - line.start), line)
                continue
            }
            if usesPlainPath, appendPlain(base, line, chunk.count, &names, &batch) { continue }
            devices.settle(&names, &batch)
            do throws(LineProtocolScanner.Fault) {
                let tokens = try scan(base, line, chunk.count)
                if let refusal = append(tokens, base, line, &names, &batch) { batch.refuse(refusal, line) }
            } catch {
                let text = "column \(error.at - line.start + 1): \(error.cause)"
                batch.refuse(Refusal(.badLineProtocol, text), line)
            }
        }
        devices.settle(&names, &batch)
        return cursor
    }

    /// Appends the readings of as many lines as are like ones before; `cursor` then stands at the next.
    @inline(__always)
    private mutating func appendAlike(
        _ base: UnsafePointer<UInt8>,
        _ cursor: inout Int,
        _ limit: Int,
        _ names: inout TelegramNames,
        _ batch: inout DecodedBatch
    ) {
        while let found = shapes.read(base, cursor, limit) {
            var at = ReadingDraft.absentInstant
            if let count = found.timestamp {
                guard let milliseconds = precision.milliseconds(count) else { return }
                at = milliseconds
            }
            // Made at once: a draft that is changed after it was copied is waited for by the next copy.
            batch.readings.append(
                ReadingDraft(
                    line: framer.countLine(),
                    rawOffset: UInt32(truncatingIfNeeded: cursor),
                    rawByteCount: UInt32(truncatingIfNeeded: found.end - cursor),
                    device: ReadingDraft.absent,
                    register: shapes.draft.register,
                    coefficient: found.value.coefficient,
                    fractionDigits: found.value.fractionDigits,
                    unit: shapes.draft.unit,
                    quality: shapes.draft.quality,
                    isInterval: false,
                    at: at,
                    start: ReadingDraft.absentInstant,
                    receivedAt: ReadingDraft.absentInstant
                )
            )
            devices.add(base, found.device, &names, &batch)
            batch.ignoredFieldCount += shapes.ignoredCount
            cursor = found.next
        }
    }

    /// Whether the line was a plain one, whose reading then stands in `batch`.
    @inline(__always)
    private mutating func appendPlain(
        _ base: UnsafePointer<UInt8>,
        _ line: Line,
        _ limit: Int,
        _ names: inout TelegramNames,
        _ batch: inout DecodedBatch
    ) -> Bool {
        var scanner = PlainLineScanner(base, line, limit)
        guard scanner.scan(tagKeys, fieldKeys) else { return false }
        let field = plainFields[scanner.field]
        guard field.keepsDeviceName else { return false }
        var draft = LineProtocolDecoder.emptyDraft(line)
        if let count = scanner.timestamp {
            guard let milliseconds = precision.milliseconds(count) else { return false }
            draft.at = milliseconds
        }
        if field.hasRegister {
            draft.register = field.register
            if field.register == ReadingDraft.absent {
                let name = profile.fields[scanner.field].register
                draft.register = name.map { names.registers.intern($0) } ?? ReadingDraft.absent
                plainFields[scanner.field].register = draft.register
            }
        } else if !scanner.register.isEmpty {
            let text = UnsafeBufferPointer(start: base + scanner.register.lowerBound, count: scanner.register.count)
            draft.register = names.registers.intern(text)
        }
        draft.coefficient = scanner.value.coefficient
        draft.fractionDigits = scanner.value.fractionDigits
        draft.unit = scanner.unit != 0 ? scanner.unit : field.unit
        draft.quality = scanner.quality
        batch.readings.append(draft)
        devices.add(base, scanner.device, &names, &batch)
        batch.ignoredFieldCount += scanner.ignoredCount
        shapes.learn(base, line, scanner, draft)
        return true
    }

    /// Cuts a line into tokens; mapped fields go to `values`.
    @inline(__always)
    private mutating func scan(
        _ base: UnsafePointer<UInt8>,
        _ line: Line,
        _ limit: Int
    ) throws(LineProtocolScanner.Fault) -> Tokens {
        var scanner = LineProtocolScanner(base: base, end: line.end, i: line.start)
        var tokens = Tokens()
        values.removeAll(keepingCapacity: true)
        scanner.skipSpaces()
        let measurement = try scanner.measurement()
        while scanner.i < line.end, base[scanner.i] == UInt8(ascii: ",") {
            scanner.i += 1
            let key = try scanner.key()
            let value = try scanner.tagValue()
            guard let (role, rank) = tagKeys.find(base, key.start, key.end, limit) else {
                tokens.ignoredCount += 1
                continue
            }
            try LineProtocolDecoder.take(value, role, rank, &tokens)
        }
        if profile.takesMeasurementAsDevice, tokens.device.isAbsent { tokens.device = measurement }
        guard scanner.i < line.end else { throw scanner.fault("expected a field after the tags") }
        scanner.skipSpaces()
        while true {
            try scanField(&scanner, &tokens, limit)
            guard scanner.i < line.end, base[scanner.i] == UInt8(ascii: ",") else { break }
            scanner.i += 1
        }
        guard scanner.i < line.end else { return tokens }
        guard base[scanner.i] == 0x20 else { throw scanner.fault("expected ',' or a space after a field") }
        scanner.skipSpaces()
        guard scanner.i < line.end else { return tokens }
        tokens.timestamp = scanner.plainToken()
        scanner.skipSpaces()
        guard scanner.i == line.end else { throw scanner.fault("expected nothing after the timestamp") }
        return tokens
    }

    @inline(__always)
    private static func take(
        _ value: LineToken,
        _ role: LineProtocolKeys.Role,
        _ rank: Int,
        _ tokens: inout Tokens
    ) throws(LineProtocolScanner.Fault) {
        let isRepeated: Bool
        switch role {
        case .device:
            isRepeated = rank == tokens.deviceRank
            if rank < tokens.deviceRank {
                tokens.device = value
                tokens.deviceRank = rank
            }
        case .register:
            isRepeated = !tokens.register.isAbsent
            tokens.register = value
        case .unit:
            isRepeated = !tokens.unit.isAbsent
            tokens.unit = value
        case .quality:
            isRepeated = !tokens.quality.isAbsent
            tokens.quality = value
        case .field: isRepeated = false
        }
        if isRepeated { throw LineProtocolScanner.Fault(cause: "a tag given twice", at: value.start) }
    }

    @inline(__always)
    private mutating func scanField(
        _ scanner: inout LineProtocolScanner,
        _ tokens: inout Tokens,
        _ limit: Int
    ) throws(LineProtocolScanner.Fault) {
        let base = scanner.base
        let key = try scanner.key()
        let field = fieldKeys.find(base, key.start, key.end, limit)?.index
        let start = scanner.i
        guard start < scanner.end else { throw scanner.fault("expected a field's value") }
        var isNumber = false
        var value: ReadingValue?
        if base[start] == UInt8(ascii: "\"") {
            try scanner.quotedString()
        } else {
            var plain = ReadingValue(coefficient: 0, fractionDigits: 0)
            let stop = ReadingValue.scanPlain(
                base,
                start,
                scanner.end,
                limit: limit,
                point: UInt8(ascii: "."),
                &plain
            )
            if stop > 0, isEndOfNumber(base, start, stop, scanner.end, &scanner) {
                isNumber = true
                value = plain
            } else {
                let token = scanner.plainToken()
                guard let kind = LineProtocolScanner.kind(base, token) else {
                    throw LineProtocolScanner.Fault(cause: "no field value looks like this", at: start)
                }
                isNumber = kind != .boolean
            }
        }
        guard let field else {
            tokens.ignoredCount += 1
            return
        }
        for known in values where known.field == field {
            throw LineProtocolScanner.Fault(cause: "a field given twice", at: key.start)
        }
        let token = LineToken(start: start, end: scanner.i, hasBackslash: false)
        values.append(FieldValue(field: field, token: token, isNumber: isNumber, value: value))
    }

    /// Whether a plain number ends at `stop`, its suffix taken in; the scanner then stands behind it.
    @inline(__always)
    private func isEndOfNumber(
        _ base: UnsafePointer<UInt8>,
        _ start: Int,
        _ stop: Int,
        _ end: Int,
        _ scanner: inout LineProtocolScanner
    ) -> Bool {
        if stop == end || base[stop] == UInt8(ascii: ",") || base[stop] == 0x20 {
            scanner.i = stop
            return true
        }
        guard base[stop] == UInt8(ascii: "i"),
            stop + 1 == end || base[stop + 1] == UInt8(ascii: ",")
                || base[stop + 1] == 0x20
        else { return false }
        for k in start..<stop where base[k] == UInt8(ascii: ".") { return false }
        scanner.i = stop + 1
        return true
    }

    /// Appends the readings of a line, or says why there are none.
    @inline(__always)
    private mutating func append(
        _ tokens: Tokens,
        _ base: UnsafePointer<UInt8>,
        _ line: Line,
        _ names: inout TelegramNames,
        _ batch: inout DecodedBatch
    ) -> Refusal? {
        if tokens.device.isAbsent { return LineProtocolDecoder.missing("tag", profile.deviceTags) }
        if values.isEmpty { return LineProtocolDecoder.missing("field", profile.fields.map(\.name)) }
        for k in 0..<values.count where values[k].value == nil {
            switch LineProtocolDecoder.read(base, values[k]) {
            case .success(let value): values[k].value = value
            case .failure(let refusal): return refusal
            }
        }
        var draft = LineProtocolDecoder.emptyDraft(line)
        if !tokens.unit.isAbsent {
            draft.unit = WireWords.unit(base, tokens.unit.start, tokens.unit.end)
            if draft.unit == 0 { return .unknownWord("unit", LineProtocolDecoder.bytes(base, tokens.unit)) }
        }
        if !tokens.quality.isAbsent {
            guard let quality = WireWords.quality(base, tokens.quality.start, tokens.quality.end) else {
                return .unknownWord("quality", LineProtocolDecoder.bytes(base, tokens.quality))
            }
            draft.quality = quality
        }
        if let refusal = setTime(&draft, tokens.timestamp, base) { return refusal }
        let refusal =
            isPlainlyNamed && !tokens.device.hasBackslash && !tokens.register.hasBackslash
            ? appendPlainly(draft, tokens, base, &names, &batch) : appendMapped(draft, tokens, base, &names, &batch)
        if refusal == nil { batch.ignoredFieldCount += tokens.ignoredCount }
        return refusal
    }

    @inline(__always)
    private func setTime(_ draft: inout ReadingDraft, _ token: LineToken, _ base: UnsafePointer<UInt8>) -> Refusal? {
        guard !token.isAbsent else { return nil }
        switch InstantScanner.integer(base, token.start, token.end) {
        case .success(let count):
            guard let milliseconds = precision.milliseconds(count) else { fallthrough }
            draft.at = milliseconds
            return nil
        case .failure(.range):
            return Refusal(.timeRange, "the timestamp lies outside all time")
        case .failure(.syntax):
            let text = excerpt(LineProtocolDecoder.bytes(base, token))
            return Refusal(.timeSyntax, "the timestamp \"\(text)\" is no integer")
        }
    }

    /// The values as readings of the names in the line as they stand.
    @inline(__always)
    private func appendPlainly(
        _ draft: ReadingDraft,
        _ tokens: Tokens,
        _ base: UnsafePointer<UInt8>,
        _ names: inout TelegramNames,
        _ batch: inout DecodedBatch
    ) -> Refusal? {
        let device = LineProtocolDecoder.bytes(base, tokens.device)
        guard Name.isValid(device) else { return .nameSyntax("device") }
        var draft = draft
        if !tokens.register.isAbsent {
            let register = LineProtocolDecoder.bytes(base, tokens.register)
            guard Name.isValid(register) else { return .nameSyntax("register") }
            draft.register = names.registers.intern(register)
        }
        draft.device = names.devices.intern(device)
        for k in 0..<values.count {
            guard let value = values[k].value else { continue }
            draft.coefficient = value.coefficient
            draft.fractionDigits = value.fractionDigits
            batch.readings.append(draft)
        }
        return nil
    }
}
