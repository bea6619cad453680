import Foundation
import MeterModel

@testable import ReadModel

/// Zones by hand: UTC, Berlin with the clock changes of 2025, Kolkata, and Lord Howe with its half-hour change.
struct HandMadeZones: ZoneSource {
    let version = "by hand"

    func rules(of name: String) -> ZoneRules? {
        switch name {
        case "UTC": .utc
        case "Europe/Berlin":
            ZoneRules(
                name: name,
                transitions: [(milliseconds("2025-03-30", 1), 7200), (milliseconds("2025-10-26", 1), 3600)],
                initialOffsetSeconds: 3600
            )
        case "Asia/Kolkata": ZoneRules(name: name, transitions: [], initialOffsetSeconds: 19_800)
        case "America/New_York": ZoneRules(name: name, transitions: [], initialOffsetSeconds: -18_000)
        case "Australia/Lord_Howe":
            // On 2025-04-05 at 15:00Z the clock goes back from 02:00 to 01:30.
            ZoneRules(
                name: name,
                transitions: [(milliseconds("2025-04-05", 15), 37_800)],
                initialOffsetSeconds: 39_600
            )
        default: nil
        }
    }
}

/// UTC milliseconds of a day, hour and minute.
func milliseconds(_ day: String, _ hour: Int64 = 0, _ minute: Int64 = 0) -> Int64 {
    Int64(date(day).dayNumber) * Milliseconds.day + hour * Milliseconds.hour + minute * Milliseconds.minute
}

func instant(_ day: String, _ hour: Int64 = 0, _ minute: Int64 = 0) -> Instant {
    Instant(milliseconds: milliseconds(day, hour, minute))
}

func date(_ text: String) -> LocalDate {
    guard let date = LocalDate(text) else { preconditionFailure("no date: \(text)") }
    return date
}

func money(_ text: String) -> Money {
    guard let decimal = ExactDecimal(text), let money = Money(decimal) else {
        preconditionFailure("no amount: \(text)")
    }
    return money
}

func currency(_ code: String) -> Currency {
    guard let currency = Currency(code) else { preconditionFailure("no currency: \(code)") }
    return currency
}

/// The output of a query.
func output(_ store: ViewStore, _ query: ViewQuery, _ format: RowFormat = .json) throws -> String {
    var bytes: [UInt8] = []
    let sink = format.makeSink { bytes.append(contentsOf: $0) }
    try store.read { try $0.run(query, zones: HandMadeZones(), into: sink) }
    return String(decoding: bytes, as: UTF8.self)
}

/// The rows of a selection, the columns parted by `|`, as the sqlite3 shell prints them.
func select(_ store: ViewStore, _ sql: String) throws -> [String] {
    try store.read { reader in
        let statement = try reader.statement(sql)
        var rows: [String] = []
        while try statement.step() {
            rows.append((0..<statement.columnCount).map { statement.textOrNil($0) ?? "" }.joined(separator: "|"))
        }
        return rows
    }
}

/// Runs a statement on the writing connection.
func execute(_ store: ViewStore, _ sql: String) throws {
    try store.transaction { try SQLStatement($0.rows.drain().connection, sql).run() }
}

/// A directory that is removed with the object.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/views-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var views: String { path + "/views.sqlite" }
}

/// Two devices with a series each: `E-1` (0, Berlin, kWh) and `W-1` (1, Kolkata, m3).
func putTwoDevices(_ writer: ViewWriter) throws {
    let meter = DeviceRow(
        deviceID: 0,
        device: "E-1",
        utility: .electricity,
        unit: .kilowattHour,
        dimension: .energy,
        timezone: "Europe/Berlin"
    )
    try writer.putDevice(meter)
    try writer.putSeries(0, device: 0, register: "1-0:1.8.0")
    let water = DeviceRow(
        deviceID: 1,
        device: "W-1",
        utility: .water,
        unit: .cubicMetre,
        dimension: .volume,
        timezone: "Asia/Kolkata"
    )
    try writer.putDevice(water)
    try writer.putSeries(1, device: 1, register: "8-0:1.0.0")
}
