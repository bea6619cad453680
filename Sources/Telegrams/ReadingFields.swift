import MeterModel

/// A reading from the fields of an object: the general way, and the twin of `PlainReadingScanner`.
enum ReadingFields {
    static func draft(_ fields: JSONFields, _ line: Line, _ names: inout TelegramNames) throws(Refusal) -> ReadingDraft
    {
        let isInterval = fields["kind"] == .string("interval")
        try EventFields.check(
            fields,
            required: isInterval ? ["device", "start", "end", "value"] : ["device", "readAt", "value"],
            optional: ["kind", "register", "unit", "quality", "receivedAt"]
        )
        if fields.has("kind"), !isInterval {
            throw Refusal(.valueSyntax, "kind: the only kind that is named is \"interval\"")
        }
        let value: ReadingValue
        switch ReadingValue.read(try fields.decimal("value")) {
        case .success(let read): value = read
        case .failure(let refusal): throw refusal
        }
        if isInterval, value.coefficient < 0 { throw .negativeInterval }
        let unit = try fields.unit()
        var quality = Quality.measured
        if fields.has("quality") { quality = try fields.word("quality", .valueSyntax) { Quality(name: $0) } }
        let at = try fields.instant(isInterval ? "end" : "readAt").milliseconds
        let start = isInterval ? try fields.instant("start").milliseconds : ReadingDraft.absentInstant
        let receivedAt = try fields.optionalInstant("receivedAt")?.milliseconds ?? ReadingDraft.absentInstant
        let device = try fields.name("device")
        let register = try fields.optionalName("register")
        return ReadingDraft(
            line: line.number,
            rawOffset: UInt32(line.start),
            rawByteCount: UInt32(line.end - line.start),
            device: names.devices.intern(device),
            register: register.map { names.registers.intern($0) } ?? ReadingDraft.absent,
            coefficient: value.coefficient,
            fractionDigits: value.fractionDigits,
            unit: unit?.rawValue ?? 0,
            quality: quality,
            isInterval: isInterval,
            at: at,
            start: start,
            receivedAt: receivedAt
        )
    }
}
