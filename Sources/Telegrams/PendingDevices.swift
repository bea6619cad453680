import MeterModel

/// The names of the devices of the last readings, which are looked up together.
///
/// Invariants: they belong to as many readings at the end of the batch, in order; none is pending while anything else
/// interns a device or appends a reading, or after a chunk was decoded.
struct PendingDevices {
    private static let maximumCount = 64

    private var pending: ContiguousArray<UnsafeBufferPointer<UInt8>> = []

    /// Notes the device of the reading that was appended last; its bytes must stay where they are.
    @inline(__always)
    mutating func add(
        _ base: UnsafePointer<UInt8>,
        _ range: Range<Int>,
        _ names: inout TelegramNames,
        _ batch: inout DecodedBatch
    ) {
        pending.append(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count))
        if pending.count == PendingDevices.maximumCount { settle(&names, &batch) }
    }

    /// Gives the readings the numbers of their devices.
    mutating func settle(_ names: inout TelegramNames, _ batch: inout DecodedBatch) {
        guard !pending.isEmpty else { return }
        let first = batch.readings.count - pending.count
        pending.withUnsafeBufferPointer { pending in
            batch.readings.withUnsafeMutableBufferPointer { readings in
                names.devices.intern(pending) { readings[first + $0].device = $1 }
            }
        }
        pending.removeAll(keepingCapacity: true)
    }
}
