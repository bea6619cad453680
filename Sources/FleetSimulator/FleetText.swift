import MeterModel

/// A fleet as lines of an input format, chunk by chunk.
///
/// A reading's line is its device's head, then time and value (line protocol: value and time), then its utility's tail;
/// heads and tails are made once, so that a reading costs two copies and its digits.
package struct FleetText {
    /// The formats that readings come in.
    package enum Format: String, Sendable, CaseIterable {
        case ndjson
        case lineProtocol = "line-protocol"
        case csv
    }

    /// What of the fleet is written.
    package enum Contents: Hashable, Sendable {
        /// NDJSON alone can hold both.
        case declarationsAndReadings
        /// Always NDJSON.
        case declarations
        /// With `named`, each line tells its register and unit, so that devices need not be registered.
        /// (CSV has those columns always.)
        case readings(named: Bool)
    }

    /// The least room that `fill` needs.
    package static let maximumLineByteCount = 2048

    private let format: Format
    private var declarations: FleetDeclarations?
    private var readings: FleetReadings?
    private var header: [UInt8]
    private let heads: ContiguousArray<UInt8>
    private let headEnds: ContiguousArray<Int>
    private let tails: [[UInt8]]
    private let tailOfDevice: ContiguousArray<UInt8>
    /// The day whose text was made last, and that text: `2026-01-01T`.
    private var day = Int64.min
    private var dayText: [UInt8] = []

    /// - Precondition: `declarationsAndReadings` only as NDJSON.
    package init(_ fleet: Fleet, format: Format, order: FleetOrder = .time, contents: Contents) {
        precondition(
            format == .ndjson || contents != .declarationsAndReadings,
            "\(format.rawValue) holds readings only"
        )
        var named = format == .csv
        switch contents {
        case .declarationsAndReadings:
            declarations = FleetDeclarations(fleet)
            readings = FleetReadings(fleet, order: order)
        case .declarations:
            declarations = FleetDeclarations(fleet)
            readings = nil
        case .readings(let wanted):
            declarations = nil
            readings = FleetReadings(fleet, order: order)
            named = named || wanted
        }
        self.format = format
        header = format == .csv && readings != nil ? Array("device,readAt,value,register,unit\n".utf8) : []
        var heads: ContiguousArray<UInt8> = []
        var ends: ContiguousArray<Int> = []
        if readings != nil {
            for device in fleet.devices {
                heads.append(contentsOf: FleetText.head(device, format, named: named).utf8)
                ends.append(heads.count)
            }
        }
        self.heads = heads
        headEnds = ends
        tails = Utility.allCases.map { Array(FleetText.tail($0, format, named: named).utf8) }
        tailOfDevice = ContiguousArray(fleet.devices.map { $0.utility.rawValue - 1 })
    }

    private static func head(_ device: FleetDevice, _ format: Format, named: Bool) -> String {
        switch format {
        case .ndjson: return "{\"device\":\"\(device.name)\",\"readAt\":\""
        case .csv: return device.name + ","
        case .lineProtocol:
            let names = named ? ",register=\(device.register),unit=\(device.unit.symbol)" : ""
            return "reading,device=\(device.name)\(names) value="
        }
    }

    private static func tail(_ utility: Utility, _ format: Format, named: Bool) -> String {
        let register = utility.defaultRegister
        let unit = utility.defaultUnit.symbol
        switch format {
        case .ndjson: return named ? "\",\"register\":\"\(register)\",\"unit\":\"\(unit)\"}\n" : "\"}\n"
        case .csv: return ",\(register),\(unit)\n"
        case .lineProtocol: return "\n"
        }
    }

    /// Writes whole lines from the beginning of `output`.
    /// - Returns: how many bytes; 0 at the end.
    /// - Precondition: there is room for `maximumLineByteCount` bytes.
    package mutating func fill(_ output: UnsafeMutableBufferPointer<UInt8>) -> Int {
        guard let start = output.baseAddress, output.count >= FleetText.maximumLineByteCount else {
            preconditionFailure("room for a line is needed")
        }
        let limit = start + (output.count - FleetText.maximumLineByteCount)
        var sink = LineSink(start)
        header.withUnsafeBufferPointer { sink.put($0) }
        header = []
        while sink.next <= limit, var lines = declarations?.next() {
            lines.withUTF8 { sink.put($0) }
        }
        // Here either the room or the declarations have come to their end.
        if sink.next <= limit { declarations = nil }
        while sink.next <= limit, let reading = readings?.next() { put(reading, &sink) }
        return start.distance(to: sink.next)
    }

    /// The next whole lines as an array of about `byteCount` bytes, nil at the end.
    package mutating func nextChunk(byteCount: Int = 1 << 20) -> ContiguousArray<UInt8>? {
        let capacity = max(byteCount, FleetText.maximumLineByteCount)
        let chunk = ContiguousArray<UInt8>(unsafeUninitializedCapacity: capacity) { $1 = fill($0) }
        return chunk.isEmpty ? nil : chunk
    }

    @inline(__always)
    private mutating func put(_ reading: FleetReading, _ sink: inout LineSink) {
        let device = reading.device
        heads.withUnsafeBufferPointer { heads in
            let start = device == 0 ? 0 : headEnds[device - 1]
            sink.put(UnsafeBufferPointer(rebasing: heads[start..<headEnds[device]]))
        }
        switch format {
        case .lineProtocol:
            sink.putThousandths(reading.value)
            sink.put(UInt8(ascii: " "))
            sink.put(reading.at, width: 1)
            for _ in 0..<6 { sink.put(UInt8(ascii: "0")) }
        case .csv:
            putTime(reading.at, &sink)
            sink.put(UInt8(ascii: ","))
            sink.putThousandths(reading.value)
        case .ndjson:
            putTime(reading.at, &sink)
            FleetText.beforeValue.withUTF8Buffer { sink.put($0) }
            sink.putThousandths(reading.value)
        }
        tails[Int(tailOfDevice[device])].withUnsafeBufferPointer { sink.put($0) }
    }

    private static let beforeValue: StaticString = "\",\"value\":\""

    /// RFC 3339 in UTC; milliseconds only where they are not 0.
    @inline(__always)
    private mutating func putTime(_ at: Int64, _ sink: inout LineSink) {
        let (newDay, rest) = floorDivide(at, Milliseconds.day)
        if newDay != day {
            day = newDay
            dayText = Array("\(LocalDate(dayNumber: Int32(newDay)))T".utf8)
        }
        dayText.withUnsafeBufferPointer { sink.put($0) }
        sink.put(rest / Milliseconds.hour, width: 2)
        sink.put(UInt8(ascii: ":"))
        sink.put(rest / Milliseconds.minute % 60, width: 2)
        sink.put(UInt8(ascii: ":"))
        sink.put(rest / Milliseconds.second % 60, width: 2)
        if rest % 1000 != 0 {
            sink.put(UInt8(ascii: "."))
            sink.put(rest % 1000, width: 3)
        }
        sink.put(UInt8(ascii: "Z"))
    }
}
