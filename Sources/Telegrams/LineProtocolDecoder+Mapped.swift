import MeterModel

/// Lines whose names have escapes, or whose readings a profile names.
extension LineProtocolDecoder {
    static func emptyDraft(_ line: Line) -> ReadingDraft {
        ReadingDraft(
            line: line.number,
            rawOffset: UInt32(truncatingIfNeeded: line.start),
            rawByteCount: UInt32(truncatingIfNeeded: line.end - line.start),
            device: ReadingDraft.absent,
            register: ReadingDraft.absent,
            coefficient: 0,
            fractionDigits: 0,
            unit: 0,
            quality: .measured,
            isInterval: false,
            at: ReadingDraft.absentInstant,
            start: ReadingDraft.absentInstant,
            receivedAt: ReadingDraft.absentInstant
        )
    }

    static func bytes(_ base: UnsafePointer<UInt8>, _ token: LineToken) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: base + token.start, count: token.end - token.start)
    }

    static func missing(_ kind: String, _ names: [String]) -> Refusal {
        Refusal(.missingField, "\(kind) \"\(names.joined(separator: "\" or \""))\" is missing")
    }

    /// A mapped field whose value the plain way could not read.
    static func read(_ base: UnsafePointer<UInt8>, _ field: FieldValue) -> Result<ReadingValue, Refusal> {
        let text = bytes(base, field.token)
        guard field.isNumber, let last = text.last else { return .failure(ReadingValue.notADecimal(text)) }
        let hasSuffix = last == UInt8(ascii: "i") || last == UInt8(ascii: "u")
        return ReadingValue.read(hasSuffix ? UnsafeBufferPointer(rebasing: text.dropLast()) : text)
    }

    /// The values as readings of the devices and registers that the profile and the line's tags name.
    mutating func appendMapped(
        _ draft: ReadingDraft,
        _ tokens: Tokens,
        _ base: UnsafePointer<UInt8>,
        _ names: inout TelegramNames,
        _ batch: inout DecodedBatch
    ) -> Refusal? {
        let firstIndex = batch.readings.count
        for k in 0..<values.count {
            guard let value = values[k].value else { continue }
            let field = profile.fields[values[k].field]
            var draft = draft
            draft.coefficient = value.coefficient
            draft.fractionDigits = value.fractionDigits
            if draft.unit == 0, let unit = field.unit { draft.unit = unit.rawValue }
            guard let device = intern(tokens.device, field, base, &names.devices) else {
                batch.readings.removeSubrange(firstIndex...)
                return .nameSyntax("device")
            }
            draft.device = device
            if let register = field.register {
                draft.register = names.registers.intern(register)
            } else if !tokens.register.isAbsent {
                guard let register = intern(tokens.register, nil, base, &names.registers) else {
                    batch.readings.removeSubrange(firstIndex...)
                    return .nameSyntax("register")
                }
                draft.register = register
            }
            batch.readings.append(draft)
        }
        return nil
    }

    /// The index of a token's name without its escapes, with what the profile puts around a device; nil where that is
    /// no name.
    private mutating func intern(
        _ token: LineToken,
        _ field: LineProtocolProfile.Field?,
        _ base: UnsafePointer<UInt8>,
        _ table: inout NameTable
    ) -> UInt32? {
        scratch.removeAll(keepingCapacity: true)
        if field != nil { scratch.append(contentsOf: profile.devicePrefix.utf8) }
        LineProtocolScanner.unescape(base, token, into: &scratch)
        if let field { scratch.append(contentsOf: field.deviceSuffix.utf8) }
        return scratch.withUnsafeBufferPointer { Name.isValid($0) ? table.intern($0) : nil }
    }
}
