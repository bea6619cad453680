import MeterModel

/// Readings as CSV rows with the columns that `ingest` takes.
struct ReadingRows {
    private(set) var bytes: ContiguousArray<UInt8> = []

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    mutating func appendHeader() {
        bytes.append(contentsOf: "device,register,kind,readAt,start,end,value,unit,quality,receivedAt\n".utf8)
    }

    mutating func append(_ reading: ReadingRecord, _ directory: SeriesDirectory) {
        let traits = reading.traits
        let at = Instant(milliseconds: reading.at).rfc3339
        let fields = [
            directory.deviceName(ofSeries: reading.series), directory.registerName(ofSeries: reading.series),
            traits.isInterval ? "interval" : "", traits.isInterval ? "" : at,
            traits.isInterval ? Instant(milliseconds: reading.at - reading.span).rfc3339 : "",
            traits.isInterval ? at : "",
            decimalText(Int128(reading.value), fractionDigits: traits.unit.milliDigits), traits.unit.symbol,
            traits.quality.name,
            reading.receivedAt == ReadingDraft.absentInstant ? "" : Instant(milliseconds: reading.receivedAt).rfc3339,
        ]
        for (i, field) in fields.enumerated() {
            if i > 0 { bytes.append(UInt8(ascii: ",")) }
            append(field)
        }
        bytes.append(UInt8(ascii: "\n"))
    }

    /// RFC 4180: quoted where it holds a comma, a quote or a line end.
    private mutating func append(_ field: String) {
        guard field.utf8.contains(where: { $0 == 0x2C || $0 == 0x22 || $0 == 0x0A || $0 == 0x0D }) else {
            bytes.append(contentsOf: field.utf8)
            return
        }
        bytes.append(UInt8(ascii: "\""))
        for byte in field.utf8 {
            if byte == UInt8(ascii: "\"") { bytes.append(byte) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
