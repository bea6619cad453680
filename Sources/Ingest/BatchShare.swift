import EventStorage
import MeterModel

/// What of a batch one sender brought: enough to tell the highest of its positions once the log has sorted the batch.
///
/// Positions within a run of readings follow the devices' numbers, so arrival alone does not tell it.
struct BatchShare {
    /// Where in the batch the sender's readings lie, ascending, as they arrived.
    private var ranges: [Range<Int>] = []
    /// The place in the batch's events of its last one.
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
        if batch.events.count > before.events { lastEvent = batch.events.count - 1 }
    }

    /// The item of the share that will get the highest position.
    enum Highest {
        /// An event, by its place among the batch's events.
        case event(Int)
        /// The last reading of the device with the highest number in the run of readings that starts there.
        case reading(ReadingRecord, runStart: Int)
    }

    /// Finds that item; to be called before the batch is sorted. Nil of an empty share.
    func highest(in batch: EventBatch, _ directory: SeriesDirectory) -> Highest? {
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
        return .reading(found, runStart: runStart)
    }

    /// The position of that item in the batch as it was logged from `first` on.
    static func position(
        of highest: Highest,
        in batch: EventBatch,
        first: Position,
        _ directory: SeriesDirectory
    ) -> Position {
        switch highest {
        case .event(let i): return first.advanced(by: batch.events[i].readingIndex + i)
        case .reading(let record, let runStart):
            let eventCount = batch.events.partition { $0.readingIndex > runStart }
            let runEnd = eventCount < batch.events.count ? batch.events[eventCount].readingIndex : batch.readings.count
            let device = directory.device(ofSeries: record.series)
            // The run ascends by device; within one the order of arrival is kept.
            var low = runStart
            var high = runEnd
            while low < high {
                let middle = (low + high) / 2
                if directory.device(ofSeries: batch.readings[middle].series) <= device {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            var i = low - 1
            while i > runStart, batch.readings[i] != record { i -= 1 }
            return first.advanced(by: i + eventCount)
        }
    }
}

extension Array {
    /// The number of leading elements for which `isBehind` is false, given that those for which it is true come last.
    fileprivate func partition(_ isBehind: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
