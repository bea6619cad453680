import MeterModel

/// What a segment holds, so that a reader can pass over it (event format, "Index of a sealed segment").
package struct SegmentIndex: Hashable, Sendable {
    /// The segment's positions.
    package var positions: ClosedRange<UInt64>
    /// Earliest and latest `recordedAt`, UTC milliseconds.
    package var recordedAt: ClosedRange<Int64>
    /// From the earliest `readAt`, or start of an interval, to the latest; nil if there are no readings.
    package var readAt: ClosedRange<Int64>?
    /// Whether an event names a device that has no number.
    package var namesUnnumberedDevices: Bool
    /// Bit 0: readings; bit n: events of kind n.
    package var kinds: UInt64
    /// What the log has before the segment.
    package var before: DefinitionCounts
    /// How many definitions of the segment are first in the log.
    package var added: DefinitionCounts
    /// Numbers of the devices defined in the segment, ascending.
    package var devices: [UInt32]
    /// What each block holds, in order; empty where it is not told.
    package var blocks: [BlockBounds] = []

    fileprivate static let version: UInt8 = 1
    fileprivate static let versionWithBlocks: UInt8 = 2
}

extension SegmentIndex {
    /// Whether the segment defines a device.
    func defines(_ device: UInt32) -> Bool {
        var (low, high) = (0, devices.count)
        while low < high {
            let middle = (low + high) / 2
            if devices[middle] < device { low = middle + 1 } else { high = middle }
        }
        return low < devices.count && devices[low] == device
    }

    /// Whether the segment has nothing but readings, and none in these times; nil: all times.
    func hasNothing(readAt times: ClosedRange<Int64>?) -> Bool {
        guard kinds == 1, let times, let readAt else { return false }
        return !times.overlaps(readAt)
    }

    /// Whether the segment has nothing but readings of other devices or other times, and defines nothing new: who knows
    /// the numbers of all devices wanted, as far as segments before told them, need not see it.
    func hasNothing(of devices: Set<UInt32>, readAt times: ClosedRange<Int64>?) -> Bool {
        guard added == DefinitionCounts(), kinds == 1 else { return false }
        return hasNothing(readAt: times) || !devices.contains(where: defines)
    }

    /// The bytes stored with the sealed segment: without the blocks where they would be more than a number of bytes.
    package func encoded(atMost limit: Int = .max) -> [UInt8] {
        let bytes = encoded(withBlocks: !blocks.isEmpty)
        return bytes.count <= limit || blocks.isEmpty ? bytes : encoded(withBlocks: false)
    }

    /// Whether bytes are an index that says nothing else, be it with the blocks or without.
    package func isEncoded(as bytes: [UInt8]) -> Bool {
        bytes == encoded(withBlocks: !blocks.isEmpty) || bytes == encoded(withBlocks: false)
    }

    private func encoded(withBlocks: Bool) -> [UInt8] {
        var out = ByteWriter(minimumCapacity: 128 + devices.count * 2 + blocks.count * 12)
        out.append(withBlocks ? SegmentIndex.versionWithBlocks : SegmentIndex.version)
        out.append(varint: positions.lowerBound)
        out.append(varint: positions.upperBound - positions.lowerBound)
        out.append(zigzag: recordedAt.lowerBound)
        out.append(zigzag: recordedAt.upperBound)
        out.append((readAt == nil ? 0 : 1) | (namesUnnumberedDevices ? 2 : 0))
        out.append(zigzag: readAt?.lowerBound ?? 0)
        out.append(zigzag: readAt?.upperBound ?? 0)
        out.append(varint: kinds)
        for counts in [before, added] {
            out.append(varint: UInt64(counts.devices))
            out.append(varint: UInt64(counts.registers))
            out.append(varint: UInt64(counts.series))
        }
        out.append(varint: UInt64(devices.count))
        var next: UInt32 = 0
        for device in devices {
            out.append(varint: UInt64(device - next))
            next = device + 1
        }
        if withBlocks { BlockBounds.write(blocks, into: &out) }
        return Array(out.bytes)
    }

    /// Reads the bytes back.
    package init(decoding bytes: [UInt8]) throws(MalformedBytes) {
        let decoded: Result<SegmentIndex, MalformedBytes> = bytes.withUnsafeBytes { bytes in
            do throws(MalformedBytes) {
                var reader = ByteReader(bytes)
                return .success(try SegmentIndex(&reader))
            } catch {
                return .failure(error)
            }
        }
        self = try decoded.get()
    }

    private init(_ reader: inout ByteReader) throws(MalformedBytes) {
        let version = try reader.byte()
        guard version == SegmentIndex.version || version == SegmentIndex.versionWithBlocks else {
            throw reader.malformed("unknown version \(version)")
        }
        let first = try reader.varint()
        let (last, overflow) = first.addingReportingOverflow(try reader.varint())
        guard !overflow else { throw reader.malformed("positions out of range") }
        positions = first...last
        recordedAt = try SegmentIndex.range(&reader)
        let presence = try reader.byte()
        guard presence <= 3 else { throw reader.malformed("presence \(presence)") }
        let times = try SegmentIndex.range(&reader)
        readAt = presence & 1 == 0 ? nil : times
        namesUnnumberedDevices = presence & 2 != 0
        kinds = try reader.varint()
        before = try SegmentIndex.counts(&reader)
        added = try SegmentIndex.counts(&reader)
        devices = []
        var next = 0
        var left = try reader.count(atMost: reader.remaining, "count of devices")
        devices.reserveCapacity(left)
        while left > 0 {
            // A segment has most of a fleet, as a rule.
            let run = reader.zeros(atMost: min(left, EventStorageLimits.maximumNumber - next))
            devices.append(contentsOf: UInt32(next)..<UInt32(next + run))
            next += run
            left -= run
            guard left > 0 else { break }
            let device = next + (try reader.count(atMost: EventStorageLimits.maximumNumber, "gap of devices"))
            guard device < EventStorageLimits.maximumNumber else { throw reader.malformed("device \(device)") }
            devices.append(UInt32(device))
            next = device + 1
            left -= 1
        }
        if version == SegmentIndex.versionWithBlocks { blocks = try BlockBounds.read(&reader) }
        guard reader.isAtEnd else { throw reader.malformed("bytes behind the index") }
    }

    private static func range(_ reader: inout ByteReader) throws(MalformedBytes) -> ClosedRange<Int64> {
        let lower = try reader.zigzag()
        let upper = try reader.zigzag()
        guard lower <= upper else { throw reader.malformed("range that ends before it begins") }
        return lower...upper
    }

    private static func counts(_ reader: inout ByteReader) throws(MalformedBytes) -> DefinitionCounts {
        let limit = EventStorageLimits.maximumNumber
        return DefinitionCounts(
            devices: try reader.count(atMost: limit, "devices"),
            registers: try reader.count(atMost: limit, "registers"),
            series: try reader.count(atMost: limit, "series")
        )
    }

    fileprivate init(_ builder: SegmentIndexBuilder, _ positions: ClosedRange<UInt64>, devices: [UInt32]) {
        self.positions = positions
        recordedAt = builder.recordedAt ?? 0...0
        readAt = builder.kinds & 1 == 0 ? nil : builder.earliest...builder.latest
        namesUnnumberedDevices = builder.namesUnnumberedDevices
        kinds = builder.kinds
        before = builder.before
        added = DefinitionCounts(
            devices: builder.after.devices - builder.before.devices,
            registers: builder.after.registers - builder.before.registers,
            series: builder.after.series - builder.before.series
        )
        self.devices = devices
        blocks = builder.blocks
    }
}

/// Gathers a segment's index block by block; writers and readers use it alike, so an index can be rebuilt.
///
/// Invariant: what it says is of whole blocks: `deviceCount` is how many devices the segment had defined behind the
/// last.
struct SegmentIndexBuilder {
    fileprivate var positions: ClosedRange<UInt64>?
    fileprivate var recordedAt: ClosedRange<Int64>?
    fileprivate var earliest = Int64.max
    fileprivate var latest = Int64.min
    fileprivate var namesUnnumberedDevices = false
    fileprivate var kinds: UInt64 = 0
    fileprivate var before = DefinitionCounts()
    fileprivate var after = DefinitionCounts()
    fileprivate var blocks: [BlockBounds] = []
    private var definitionCount = 0
    private var deviceCount = 0
    /// The first `names.count` devices that the segment defined: filled only when an event asks.
    private var names = NameTable()

    /// Adds a block whose definitions `segment` holds; its readings and events follow.
    mutating func addBlock(
        _ block: ClosedRange<UInt64>,
        recordedAt instant: Instant,
        before: DefinitionCounts,
        after: DefinitionCounts,
        segment: borrowing SegmentDictionary
    ) {
        if positions == nil { self.before = before }
        positions = (positions?.lowerBound ?? block.lowerBound)...block.upperBound
        self.after = after
        let at = instant.milliseconds
        let range = recordedAt ?? at...at
        recordedAt = min(range.lowerBound, at)...max(range.upperBound, at)
        deviceCount = segment.devices.count
        let definitionCount = deviceCount + segment.registers.count + segment.series.count
        blocks.append(BlockBounds(defines: definitionCount > self.definitionCount))
        self.definitionCount = definitionCount
    }

    mutating func add(_ run: UnsafeBufferPointer<ReadingRecord>) {
        if !run.isEmpty { add(BlockBounds.Readings(run)) }
    }

    /// Adds readings of the block added last.
    mutating func add(_ run: BlockBounds.Readings) {
        earliest = min(earliest, run.readAt.lowerBound)
        latest = max(latest, run.readAt.upperBound)
        kinds |= 1
        blocks[blocks.count - 1].add(run)
    }

    mutating func add(_ event: MeterEvent, segment: borrowing SegmentDictionary) {
        kinds |= 1 << UInt64(EventKind(event).rawValue)
        blocks[blocks.count - 1].hasEvents = true
        guard !namesUnnumberedDevices, let device = event.device else { return }
        while names.count < deviceCount {
            let count = names.count
            segment.devices.withBytes(ofDefinition: count) { _ = names.intern($0) }
            // A name told twice under two numbers is damage that decoding does not look for; it must not loop here.
            if names.count == count { break }
        }
        if names.index(of: device) == nil { namesUnnumberedDevices = true }
    }

    /// The index of the blocks added; nil if there are none.
    func finish(segment: borrowing SegmentDictionary) -> SegmentIndex? {
        guard let positions else { return nil }
        return SegmentIndex(self, positions, devices: segment.devices.numbers.prefix(deviceCount).sorted())
    }
}
