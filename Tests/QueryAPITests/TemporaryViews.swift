import Foundation
import MeterModel
import ReadModel

/// A file of views in a directory of its own, which goes with the object.
final class TemporaryViews {
    let directory: String
    var path: String { directory + "/views.sqlite" }

    init(devices: Int = 3, position: UInt64 = 42, hours: Bool = true) throws {
        directory = FileManager.default.temporaryDirectory.path + "/api-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try TemporaryViews.write(path: path, devices: devices, position: position, hours: hours)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// Names of devices: `E-1`, `W-2`, `E-3`, … and one that needs escaping.
    static func name(_ index: Int) -> String {
        index == 0 ? "a/b ü+%" : "\(index.isMultiple(of: 2) ? "W" : "E")-\(index)"
    }

    static func write(path: String, devices: Int, position: UInt64, hours: Bool = true) throws {
        let store = try ViewStore.open(path: path, hours: hours)
        try store.transaction { writer in
            for index in 0..<devices { try put(index, writer) }
            try writer.setCheckpoint(Position(position), chainHead: [UInt8(position & 0xFF)])
            try writer.setTimeZoneDatabase("by hand")
        }
        try store.close()
    }

    private static let firstDay = LocalDate("2025-01-01")?.dayNumber ?? 0

    private static func put(_ index: Int, _ writer: ViewWriter) throws {
        let device = UInt32(index)
        try writer.putDevice(
            DeviceRow(
                deviceID: device,
                device: name(index),
                utility: .electricity,
                unit: .kilowattHour,
                dimension: .energy
            )
        )
        try writer.putSeries(device, device: device, register: "1-0:1.8.0")
        for offset in 0..<3 {
            let day = LocalDate(dayNumber: firstDay + Int32(offset))
            let start = Int64(day.dayNumber) * Milliseconds.day
            try writer.putDay(
                series: device,
                day: day,
                start: start,
                end: start + Milliseconds.day,
                quantity: Int128(1_500_000 + index),
                estimated: 0,
                complete: true
            )
        }
        if let currency = Currency("EUR") {
            try writer.putBalance(
                BalanceRow(deviceID: device, currency: currency, charges: .zero, topUps: .zero, asOf: nil)
            )
        }
        let line = LedgerLine(
            day: LocalDate(dayNumber: firstDay),
            kind: .energy,
            period: "p",
            quantityMilli: 1,
            amount: .zero
        )
        try writer.replaceLedgerDays(device: device, from: nil, to: nil, lines: [line])
        let episode = EpisodeRow(
            deviceID: device,
            rule: "zero",
            episode: 1,
            position: Position(UInt64(index + 1)),
            crossedAt: Instant(milliseconds: Int64(firstDay) * Milliseconds.day),
            balanceBefore: .zero,
            balanceAfter: .zero,
            cleared: nil
        )
        try writer.putEpisode(episode)
        let job = PushJobRow(
            job: "\(name(index))/zero/1/crossed",
            deviceID: device,
            rule: "zero",
            episode: 1,
            kind: "crossed",
            requestedAt: Instant(milliseconds: Int64(firstDay) * Milliseconds.day),
            requestedPosition: episode.position,
            requestedEventTime: nil,
            staleAfterMilliseconds: Milliseconds.day
        )
        try writer.putPushJob(job)
        let anomaly = AnomalyRow(
            kind: .spike,
            at: Instant(milliseconds: Int64(firstDay) * Milliseconds.day),
            position: Position(1),
            detail: "a \"detail\"",
            open: false
        )
        try writer.replaceAnomalies(series: device, [anomaly])
    }
}

struct UniversalTime: ZoneSource, Sendable {
    let version = "by hand"
    func rules(of name: String) -> ZoneRules? { name == "UTC" ? .utc : nil }
}
