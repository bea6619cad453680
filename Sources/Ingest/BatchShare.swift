import EventStorage
import MeterModel

/// What of a batch one sender brought: enough to tell the lowest and the highest of its positions once the log has
/// sorted the batch.
///
/// Positions within a run of readings follow the devices' numbers, so arrival alone does not tell it. Of readings of
/// one run that are alike in everything any may be taken for another.
struct BatchShare {
    /// Where in the batch the sender's readings lie, ascending, as they arrived.
    private var ranges: [Range<Int>] = []
    /// The places in the batch's events of its first and last one.
    private var firstEvent: Int?
    private var lastEvent: Int?
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Adds what was appended to a batch since it had `before` items.
    mutating func add(_ batch: EventBatch, since before: (readings: Int, events: Int)) {
        count += batch.count - before.readings - before.events
        if batch.readings.count > before.readings {
            if let last = ranges.last, last.upperBound == before.readings {
                ranges[ranges.count - 1] = last.lowerBound..<batch.readings.count
            } else {
                ranges.append(before.readings..<batch.readings.count)
            }
        }
        if batch.events.count > before.events {
            firstEvent = firstEvent ?? before.events
            lastEvent = batch.events.count - 1
        }
    }

    /// The item of the share that will get the lowest or the highest position.
    enum Extreme {
        /// An event, by its place among the batch's events.
        case event(Int)
        /// The first reading of the device with the lowest number in the run of readings that starts there.
        case firstReading(ReadingRecord, runStart: Int)
        /// The last reading of the device with the highest number in that run.
        case lastReading(ReadingRecord, runStart: Int)
    }

    /// Finds the lowest item; to be called before the batch is sorted. Nil of an empty share.
    func lowest(in batch: EventBatch, _ directory: SeriesDirectory) -> Extreme? {
        guard let first = ranges.first else { return firstEvent.map { .event($0) } }
        if let firstEvent, batch.events[firstEvent].readingIndex <= first.lowerBound { return .event(firstEvent) }
        let runStart = batch.events.last { $0.readingIndex <= first.lowerBound }?.readingIndex ?? 0
        let runEnd = batch.events.first { $0.readingIndex > first.lowerBound }?.readingIndex ?? batch.readings.count
        var found = batch.readings[first.lowerBound]
        var lowest = directory.device(ofSeries: found.series)
        for range in ranges where range.lowerBound < runEnd {
            for i in range.clamped(to: range.lowerBound..<runEnd) {
                let device = directory.device(ofSeries: batch.readings[i].series)
                if device < lowest { (lowest, found) = (device, batch.readings[i]) }
            }
        }
        return .firstReading(found, runStart: runStart)
    }

    /// Finds the highest item; to be called before the batch is sorted. Nil of an empty share.
    func highest(in batch: EventBatch, _ directory: SeriesDirectory) -> Extreme? {
        guard let last = ranges.last else { return lastEvent.map { .event($0) } }
        if let lastEvent, batch.events[lastEvent].readingIndex >= last.upperBound { return .event(lastEvent) }
        let runStart = batch.events.last { $0.readingIndex < last.upperBound }?.readingIndex ?? 0
        var found = batch.readings[last.upperBound - 1]
        var highest = directory.device(ofSeries: found.series)
        for range in ranges.reversed() where range.upperBound > runStart {
            for i in range.clamped(to: runStart..<range.upperBound).reversed() {
                let device = directory.device(ofSeries: batch.readings[i].series)
                if device > highest { (highest, found) = (device, batch.readings[i]) }
            }
        }
        return .lastReading(found, runStart: runStart)
    }

    /// The position of such an item in the batch as it was logged from `first` on.
    static func position(
        of item: Extreme,
        in batch: EventBatch,
        first: Position,
        _ directory: SeriesDirectory
    ) -> Position {
        switch item {
        case .event(let i): return first.advanced(by: batch.events[i].readingIndex + i)
        case .firstReading(let record, let runStart):
            let run = Run(at: runStart, in: batch)
            let device = directory.device(ofSeries: record.series)
            var i = run.firstPlace(in: batch) { directory.device(ofSeries: $0.series) >= device }
            while i + 1 < run.end, batch.readings[i] != record { i += 1 }
            return first.advanced(by: i + run.eventCount)
        case .lastReading(let record, let runStart):
            let run = Run(at: runStart, in: batch)
            let device = directory.device(ofSeries: record.series)
            var i = run.firstPlace(in: batch) { directory.device(ofSeries: $0.series) > device } - 1
            while i > runStart, batch.readings[i] != record { i -= 1 }
            return first.advanced(by: i + run.eventCount)
        }
    }

    /// A run of readings of a sorted batch: it ascends by device, and within one the order of arrival is kept.
    private struct Run {
        let start: Int
        let end: Int
        /// The events before it.
        let eventCount: Int

        init(at start: Int, in batch: EventBatch) {
            self.start = start
            eventCount = batch.events.firstPlace { $0.readingIndex > start }
            end = eventCount < batch.events.count ? batch.events[eventCount].readingIndex : batch.readings.count
        }

        /// The first place where `isThere`, which holds from some place on.
        func firstPlace(in batch: EventBatch, _ isThere: (ReadingRecord) -> Bool) -> Int {
            start + batch.readings[start..<end].firstPlace(where: isThere)
        }
    }
}

extension RandomAccessCollection where Index == Int {
    /// How many elements come before the first for which `isThere`, which holds from some place on.
    fileprivate func firstPlace(where isThere: (Element) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if isThere(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low - startIndex
    }
}
