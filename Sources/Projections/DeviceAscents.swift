import EventStorage
import MeterModel

/// Readings as the log has them: sequences that each ascend by device, for batches are logged in that order.
///
/// Devices that follow each other by number are brought together out of all sequences, window by window: what is read
/// lies side by side then, and nothing is sorted but what the caches hold.
///
/// Invariant: `starts` has the place of the first reading of each sequence, ascending, of the first `largestCount + 1`
/// sequences at most.
struct DeviceAscents {
    /// Of more sequences, or of shorter ones, it is cheaper to sort all their readings.
    private static let largestCount = 64
    private static let leastLength = 256
    /// How many readings a window has about, and how many devices at least, as powers of two.
    private static let windowReadingBits = 10
    private static let leastWindowBits = 4

    private var starts: ContiguousArray<Int> = []
    private var lastDevice: UInt32 = 0

    private var areFew: Bool { starts.count <= DeviceAscents.largestCount }

    /// Whether so many readings make few sequences.
    func areFew(among count: Int) -> Bool { areFew && starts.count * DeviceAscents.leastLength <= count }

    /// How many devices a window should have, as a power of two.
    static func windowBits(_ readingCount: Int, of deviceCount: Int) -> UInt32 {
        let perDevice = max(1, readingCount / max(1, deviceCount))
        let bits = windowReadingBits - (Int.bitWidth - 1 - perDevice.leadingZeroBitCount)
        return UInt32(max(leastWindowBits, bits))
    }

    mutating func removeAll() { starts.removeAll(keepingCapacity: true) }

    /// Takes in readings that follow.
    ///
    /// `place`: of the first of them.
    mutating func append(_ run: UnsafeBufferPointer<ReadingRecord>, place: Int, directory: SeriesDirectory) {
        guard areFew else { return }
        for i in run.indices {
            let device = directory.device(ofSeries: run[i].series)
            if device < lastDevice || starts.isEmpty { starts.append(place + i) }
            lastDevice = device
            if !areFew { return }
        }
    }

    /// Goes through the devices by number.
    ///
    /// - Precondition: there are at most `largestCount` sequences.
    func windows(
        of readings: UnsafeBufferPointer<ReadingRecord>,
        end: Int,
        bits: UInt32,
        directory: SeriesDirectory
    ) -> Windows {
        precondition(areFew, "more sequences than are looked into")
        return Windows(starts, readings, end: end, bits: bits, directory)
    }

    /// Devices that follow each other by number, one window after the other; windows without readings are passed over.
    ///
    /// Invariants: of each sequence the readings from `next` up to `ends` are those not passed yet, and `heads` has the
    /// device of the first of them, or `none`; `keys` are those of the window taken last, by device and in order of
    /// place.
    struct Windows {
        private let readings: UnsafeBufferPointer<ReadingRecord>
        private let directory: SeriesDirectory
        private let bits: UInt32
        private var next: ContiguousArray<Int>
        private let ends: ContiguousArray<Int>
        private var heads: ContiguousArray<UInt32>
        private static let none = UInt32.max
        private var unsorted: ContiguousArray<UInt64> = []
        private(set) var keys: ContiguousArray<UInt64> = []
        private var places: ContiguousArray<Int>

        fileprivate init(
            _ starts: ContiguousArray<Int>,
            _ readings: UnsafeBufferPointer<ReadingRecord>,
            end: Int,
            bits: UInt32,
            _ directory: SeriesDirectory
        ) {
            self.readings = readings
            self.directory = directory
            self.bits = bits
            next = starts
            ends = ContiguousArray(starts.dropFirst()) + [end]
            places = ContiguousArray(repeating: 0, count: 1 << Int(bits))
            heads = ContiguousArray(repeating: Windows.none, count: starts.count)
            for i in heads.indices { setHead(of: i) }
        }

        private mutating func setHead(of sequence: Int) {
            let place = next[sequence]
            heads[sequence] = place < ends[sequence] ? device(at: place) : Windows.none
        }

        @inline(__always)
        private func device(at place: Int) -> UInt32 { directory.device(ofSeries: readings[place].series) }

        /// The lowest device that was not passed yet; nil: there is none.
        func lowest() -> UInt32? {
            let lowest = heads.reduce(Windows.none) { min($0, $1) }
            return lowest == Windows.none ? nil : lowest
        }

        /// Passes over the window of a device.
        mutating func pass(_ device: UInt32) {
            let end = window(of: device).end
            for i in heads.indices where heads[i] < end {
                next[i] = place(ofDevicesFrom: end, in: i)
                setHead(of: i)
            }
        }

        /// Takes the window of the lowest device.
        mutating func take(_ device: UInt32) {
            let window = window(of: device)
            unsorted.removeAll(keepingCapacity: true)
            for i in places.indices { places[i] = 0 }
            for i in heads.indices where heads[i] < window.end {
                var place = next[i]
                while place < ends[i] {
                    let device = self.device(at: place)
                    guard device < window.end else { break }
                    unsorted.append(DeviceOrder.key(device: device, place: place))
                    places[Int(device - window.start)] += 1
                    place += 1
                }
                next[i] = place
                setHead(of: i)
            }
            sort(from: window.start)
        }

        /// Puts the keys in order of device, those of one in the order they have.
        private mutating func sort(from start: UInt32) {
            var end = 0
            for i in places.indices {
                let count = places[i]
                places[i] = end
                end += count
            }
            if keys.count < end { keys.append(contentsOf: repeatElement(0, count: end - keys.count)) }
            keys.removeLast(keys.count - end)
            for key in unsorted {
                let i = Int(DeviceOrder.device(of: key) - start)
                keys[places[i]] = key
                places[i] += 1
            }
        }

        private func window(of device: UInt32) -> (start: UInt32, end: UInt32) {
            let start = (device >> bits) << bits
            return (start, start + 1 << bits)
        }

        /// Where in a sequence the readings of devices from one on begin, looked for from `next` in ever longer steps.
        private func place(ofDevicesFrom device: UInt32, in sequence: Int) -> Int {
            var (low, step) = (next[sequence], 1)
            let end = ends[sequence]
            while low + step < end, self.device(at: low + step) < device {
                low += step
                step *= 2
            }
            return (low..<min(end, low + step)).partitioned { self.device(at: $0) < device }
        }
    }
}
