package import MeterModel

/// An event other than a reading, where it stood among the readings of its batch.
package struct DecodedEvent: Hashable, Sendable {
    /// The event stands before `readings[readingIndex]`, and after those before it.
    package var readingIndex: Int
    /// The line it stood in, from 1.
    package var line: UInt64
    /// Where the line's bytes lie in the chunk that was decoded.
    package var rawOffset: Int
    package var rawByteCount: Int
    package var event: MeterEvent

    package init(readingIndex: Int, line: UInt64, rawOffset: Int, rawByteCount: Int, event: MeterEvent) {
        self.readingIndex = readingIndex
        self.line = line
        self.rawOffset = rawOffset
        self.rawByteCount = rawByteCount
        self.event = event
    }
}

/// A line that is no event, and why.
package struct RefusedLine: Hashable, Sendable {
    /// The line, from 1; of a CSV record the line it begins on.
    package var line: UInt64
    package var refusal: Refusal
    /// Where the line's bytes lie in the chunk that was decoded; of a line that is too long its beginning.
    package var rawOffset: Int
    package var rawByteCount: Int

    package init(line: UInt64, refusal: Refusal, rawOffset: Int, rawByteCount: Int) {
        self.line = line
        self.refusal = refusal
        self.rawOffset = rawOffset
        self.rawByteCount = rawByteCount
    }
}

/// What a decoder found in a chunk, in the order of its lines.
///
/// The batch is bounded by the chunk: no line yields more than one event, one refusal, or one reading for each field.
package struct DecodedBatch: Sendable {
    package var readings: ContiguousArray<ReadingDraft> = []
    package var events: [DecodedEvent] = []
    package var refusals: [RefusedLine] = []
    /// Tags and fields of line protocol that were ignored.
    package var ignoredFieldCount = 0
    /// CSV values left out because the profile says that the cell means "no reading".
    package var missingValueCount = 0

    package init() {}

    package var isEmpty: Bool { readings.isEmpty && events.isEmpty && refusals.isEmpty }

    /// Empties the batch for the next chunk.
    package mutating func removeAll(keepingCapacity: Bool) {
        readings.removeAll(keepingCapacity: keepingCapacity)
        events.removeAll(keepingCapacity: keepingCapacity)
        refusals.removeAll(keepingCapacity: keepingCapacity)
        ignoredFieldCount = 0
        missingValueCount = 0
    }

    mutating func refuse(_ refusal: Refusal, _ line: Line) {
        refusals.append(
            RefusedLine(line: line.number, refusal: refusal, rawOffset: line.start, rawByteCount: line.end - line.start)
        )
    }
}
