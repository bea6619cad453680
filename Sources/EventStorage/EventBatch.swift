package import MeterModel

/// Accepted items on their way into the log, in order of arrival; after `EventLogWriter.append` as they were logged.
package struct EventBatch: Sendable {
    /// The readings, in order.
    package var readings: ContiguousArray<ReadingRecord>
    /// The other events, ascending: each stands before `readings[readingIndex]`, behind the events listed before it.
    package var events: [(readingIndex: Int, event: MeterEvent)]

    /// Takes items as they are; `EventLogWriter.append` checks that they are in order and well formed.
    package init(
        readings: ContiguousArray<ReadingRecord> = [],
        events: [(readingIndex: Int, event: MeterEvent)] = []
    ) {
        self.readings = readings
        self.events = events
    }

    /// The number of positions the batch takes.
    package var count: Int { readings.count + events.count }

    /// Whether there is nothing to append.
    package var isEmpty: Bool { readings.isEmpty && events.isEmpty }

    /// Hands over what lies between events, and the events, in order: `readings` gets a range of `readings` that is not
    /// empty, `event` an index of `events`. Each gets the offset of its first record in the batch.
    package func forEachRun(
        readings: (_ offset: Int, Range<Int>) throws -> Void,
        event: (_ offset: Int, Int) throws -> Void
    ) rethrows {
        var next = 0
        for (i, item) in events.enumerated() {
            if item.readingIndex > next { try readings(next + i, next..<item.readingIndex) }
            next = item.readingIndex
            try event(next + i, i)
        }
        if next < self.readings.count { try readings(next + events.count, next..<self.readings.count) }
    }

    /// - Precondition: the events' places ascend and lie within the readings; readings are well formed.
    func checkPreconditions() {
        var next = 0
        for item in events {
            precondition(item.readingIndex >= next && item.readingIndex <= readings.count, "events out of order")
            next = item.readingIndex
        }
        readings.withUnsafeBufferPointer { readings in
            for reading in readings {
                precondition(reading.traits.isValid, "reading with unknown traits")
                precondition(reading.traits.isInterval || reading.span == 0, "span of a reading that is no interval")
            }
        }
    }
}
