package import MeterModel

/// Writes readings as rows of CSV (RFC 4180), with the columns that `CSVDecoder` reads back.
package struct CSVEncoder {
    private let text: TextScratch

    /// - Parameter text: takes the rows, each ended with LF.
    package init(_ text: TextScratch) { self.text = text }

    /// Writes the names of the columns.
    package func appendHeader() {
        text.append("device,register,kind,readAt,start,end,value,unit,quality,receivedAt\n")
    }

    /// Writes a reading; its value is told in the unit in which it came.
    package func append(_ reading: ReadingRecord, directory: SeriesDirectory) {
        let traits = reading.traits
        directory.withNames(ofSeries: reading.series) { device, register in
            text.append(csvField: device)
            text.append(UInt8(ascii: ","))
            text.append(csvField: register)
        }
        if traits.isInterval {
            text.append(",interval,,")
            text.append(instant: reading.at - reading.span)
            text.append(UInt8(ascii: ","))
            text.append(instant: reading.at)
        } else {
            text.append(",,")
            text.append(instant: reading.at)
            text.append(",,")
        }
        text.append(UInt8(ascii: ","))
        text.append(decimal: Int128(reading.value), fractionDigits: traits.unit.milliDigits)
        text.append(UInt8(ascii: ","))
        text.append(traits.unit.symbol)
        text.append(UInt8(ascii: ","))
        text.append(traits.quality.name)
        text.append(UInt8(ascii: ","))
        if reading.receivedAt != ReadingDraft.absentInstant { text.append(instant: reading.receivedAt) }
        text.append(UInt8(ascii: "\n"))
    }
}
