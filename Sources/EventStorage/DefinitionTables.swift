import MeterModel

/// Reads and writes the definition tables of a block body.
enum DefinitionTables {
    /// Writes names by number, ascending, and defines them in the segment.
    static func writeNames(
        _ numbers: [UInt32],
        from table: NameTable,
        defining defined: inout SegmentNames,
        into out: inout ByteWriter
    ) {
        out.append(varint: UInt64(numbers.count))
        var next: UInt32 = 0
        var previous: ContiguousArray<UInt8> = []
        for number in numbers {
            table.withBytes(of: number) { name in
                precondition((1...Name.maximumByteCount).contains(name.count), "a name of 0 or more than 128 bytes")
                var shared = 0
                while shared < min(name.count, previous.count), name[shared] == previous[shared] { shared += 1 }
                out.append(varint: UInt64(number - next))
                out.append(varint: UInt64(shared))
                out.append(varint: UInt64(name.count - shared))
                out.append(contentsOf: UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: name[shared...])))
                defined.define(number, name)
                previous.removeAll(keepingCapacity: true)
                previous.append(contentsOf: name)
            }
            next = number + 1
        }
    }

    /// Reads a table of names and defines them in the segment.
    static func readNames(
        _ reader: inout ByteReader,
        before: Int,
        defining defined: inout SegmentNames
    ) throws(MalformedBytes) -> DefinitionSlice {
        let count = try reader.count(atMost: EventStorageLimits.maximumNumber, "count of names")
        var slice = DefinitionSlice(first: defined.count, count: count, before: before)
        guard count > 0 else { return slice }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Name.maximumByteCount, alignment: 8)
        defer { bytes.deallocate() }
        var next = 0
        var nameByteCount = 0
        for _ in 0..<count {
            let number = try number(&reader, next: &next, slice: &slice)
            let shared = try reader.count(atMost: nameByteCount, "shared bytes of a name")
            let byteCount = try reader.count(atMost: Name.maximumByteCount - shared, "bytes of a name")
            let rest = try reader.slice(byteCount)
            UnsafeMutableRawBufferPointer(rebasing: bytes[shared...]).copyMemory(from: rest)
            nameByteCount = shared + byteCount
            let name = UnsafeRawBufferPointer(rebasing: bytes[..<nameByteCount]).assumingMemoryBound(to: UInt8.self)
            guard isText(name) else { throw reader.malformed("name of number \(number) is empty or not UTF-8") }
            guard !defined.isDefined(number) else { throw reader.malformed("number \(number) is defined twice") }
            defined.define(number, name)
        }
        return slice
    }

    /// Whether bytes are UTF-8, and some.
    private static func isText(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var union: UInt8 = 0
        for byte in bytes { union |= byte }
        return bytes.count > 0 && (union < 0x80 || String(validating: bytes, as: UTF8.self) != nil)
    }

    static func writeSeries(
        _ numbers: [UInt32],
        from directory: SeriesDirectory,
        defining segment: inout SegmentDictionary,
        into out: inout ByteWriter
    ) {
        out.append(varint: UInt64(numbers.count))
        var next: UInt32 = 0
        var previousDevice: Int64 = 0
        for number in numbers {
            let device = directory.device(ofSeries: number)
            let register = directory.register(ofSeries: number)
            out.append(varint: UInt64(number - next))
            out.append(zigzag: Int64(device) - previousDevice)
            out.append(varint: UInt64(register))
            segment.defineSeries(number, device: device, register: register)
            previousDevice = Int64(device)
            next = number + 1
        }
    }

    static func readSeries(
        _ reader: inout ByteReader,
        before: Int,
        defining segment: inout SegmentDictionary
    ) throws(MalformedBytes) -> DefinitionSlice {
        let count = try reader.count(atMost: EventStorageLimits.maximumNumber, "count of series")
        var slice = DefinitionSlice(first: segment.series.count, count: count, before: before)
        var next = 0
        var device: Int64 = 0
        for _ in 0..<count {
            let number = try number(&reader, next: &next, slice: &slice)
            device &+= try reader.zigzag()
            let register = try reader.count(atMost: EventStorageLimits.maximumNumber - 1, "register number")
            guard device >= 0, device < Int64(EventStorageLimits.maximumNumber),
                segment.devices.isDefined(UInt32(device)), segment.registers.isDefined(UInt32(register))
            else { throw reader.malformed("series \(number) has a device or register that is not defined") }
            guard !segment.series.isDefined(number) else { throw reader.malformed("series \(number) is defined twice") }
            segment.defineSeries(number, device: UInt32(device), register: UInt32(register))
        }
        return slice
    }

    /// Reads a number of a table in ascending order, and counts those that are first in the log.
    private static func number(
        _ reader: inout ByteReader,
        next: inout Int,
        slice: inout DefinitionSlice
    ) throws(MalformedBytes) -> UInt32 {
        let gap = try reader.count(atMost: EventStorageLimits.maximumNumber, "gap of numbers")
        let number = next + gap
        guard number < EventStorageLimits.maximumNumber else { throw reader.malformed("number \(number)") }
        next = number + 1
        if number >= slice.before {
            guard number == slice.before + slice.newCount else {
                throw reader.malformed("number \(number) is first in the log before those below it")
            }
            slice.newCount += 1
        }
        return UInt32(number)
    }
}

/// Which definitions of the segment a block brought: consecutive ones, the last `newCount` of them first in the log.
struct DefinitionSlice {
    /// The ordinal in the segment of the first.
    var first: Int
    var count: Int
    /// How many the log had before the block.
    var before: Int
    var newCount = 0

    /// The ordinals of those that are first in the log, by number.
    var newOrdinals: Range<Int> { first + count - newCount..<first + count }
}
