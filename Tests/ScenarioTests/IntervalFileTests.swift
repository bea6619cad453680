import Foundation
import SharedFiles
import Testing

/// Published files of intervals, read by the shipped profiles.
@Suite(.enabled(if: SharedFolder.isThere, "shared fixtures are absent"))
struct IntervalFileTests {
    struct Export: Sendable {
        var file: String
        var profile: String
        var meter: String
        var rows: Int
        var repeats: Int
        var utility = "electricity"
    }

    /// The rows that the truth tables count, less the one that their running register begins with.
    static let tiling = [
        Export(
            file: "electricity/lcl_dfMAC000584_head12000.csv",
            profile: "lcl",
            meter: "lcl-MAC000584",
            rows: 12_000,
            repeats: 0
        ),
        Export(
            file: "electricity/hue_Residential_1.csv",
            profile: "hue",
            meter: "hue-residential-1",
            rows: 29_231,
            repeats: 1
        ),
        Export(
            file: "electricity/cambridge_UCam_Building_b0_electricity_2020.csv",
            profile: "cambridge",
            meter: "cam-b0-electricity",
            rows: 8_784,
            repeats: 0
        ),
        Export(
            file: "gas/cambridge_UCam_Building_b0_gas_2020.csv",
            profile: "cambridge",
            meter: "cam-b0-gas",
            rows: 8_784,
            repeats: 0,
            utility: "gas"
        ),
    ]

    /// Values are whole Wh and no two intervals overlap, so nothing is set aside or rounded: what was consumed in all
    /// is what the register of running sums rose by.
    @Test(arguments: tiling)
    func `Intervals that tile sum to the truth`(_ export: Export) throws {
        let scenario = try Scenario()
        let summary = try ingest(export, scenario)
        #expect(summary[integer: "accepted"] == export.rows)
        #expect(summary[integer: "duplicates"] == export.repeats)
        #expect(summary[integer: "rejected"] == 0)
        let device = try #require(scenario.query("devices").first)
        #expect(device[integer: "duplicates"] == export.repeats)
        #expect(device[integer: "readings"] == export.rows - export.repeats)
        #expect(try scenario.query("anomalies").isEmpty)
        let truth = try #require(try truthRise(of: export.meter))
        for bucket in ["hour", "day", "month"] {
            let rows = try scenario.query("consumption", "--by", bucket)
            #expect(Self.microWattHours(rows) == truth * 1_000_000, "\(bucket)")
        }
    }

    /// A whole year without a gap, in UTC: each interval lies between two readings of the running register, so every
    /// row of consumption agrees too. The device is called by the profile, and by the meter in the expected rows.
    @Test(arguments: tiling.filter { $0.profile == "cambridge" })
    func `Intervals without gaps give the register's days and months`(_ export: Export) throws {
        let scenario = try Scenario()
        try ingest(export, scenario)
        for (query, file) in ExpectedRows.queries.prefix(2) {
            let rows = try scenario.query(query[0], query[1], query[2]).map { $0.with("device", export.meter) }
            let expected = try ExpectedRows.of(export.meter, file)
            #expect(rows == expected, "\(ExpectedRows.difference(rows, expected))")
        }
    }

    /// The file's last 31 hours come by the minute, though an interval has ten: there one that begins within another is
    /// set aside. So the sum is that of the rows that stand, found here by going through them once more.
    @Test func `Shuffled blocks with repeats and overlaps`() throws {
        let export = Export(
            file: "electricity/shelly_em3_em_data_phaseA.csv",
            profile: "shelly-em3",
            meter: "shelly-phaseA",
            rows: 57_158,
            repeats: 4_320
        )
        let scenario = try Scenario()
        let summary = try ingest(export, scenario)
        #expect(summary[integer: "accepted"] == export.rows)
        #expect(summary[integer: "duplicates"] == export.repeats)
        var amounts: [String: Int] = [:]
        let text = try SharedFolder.text("fixtures/\(export.file)")
        for line in text.split(whereSeparator: \.isNewline).dropFirst() {
            let cells = line.split(separator: ",").map(String.init)
            // Hundredths of a Wh; the stamps sort as text.
            amounts[cells[0]] = Int(cells[1].replacing(".", with: ""))
        }
        var standing = 0
        var setAside = 0
        var end = Int.min
        for stamp in amounts.keys.sorted() {
            let minute = try #require(Self.minute(stamp))
            if minute - 10 < end {
                setAside += 1
            } else {
                standing += amounts[stamp] ?? 0
                end = minute
            }
        }
        #expect(amounts.count == export.rows - export.repeats)
        #expect(Self.microWattHours(try scenario.query("consumption", "--by", "month")) == standing * 10_000)
        let anomalies = try scenario.query("anomalies")
        #expect(anomalies.count == setAside)
        #expect(anomalies.allSatisfy { $0["kind"] == "overlap" })
    }

    // MARK: Parts

    @discardableResult
    private func ingest(_ export: Export, _ scenario: Scenario) throws -> Row {
        try scenario.ingest(
            files: [SharedFolder.path("fixtures/\(export.file)")],
            ["--profile", export.profile, "--utility", export.utility]
        )
    }

    /// What the register of running sums rose by, in Wh.
    private func truthRise(of meter: String) throws -> Int? {
        let lines = try SharedFolder.text("fixtures/expected/truth_totals.csv").split(separator: "\n")
        let header = (lines.first ?? "").split(separator: ",", omittingEmptySubsequences: false)
        let column = try #require(header.firstIndex(of: "net"))
        let row = lines.map { $0.split(separator: ",", omittingEmptySubsequences: false) }.first { $0[1] == meter }
        return row.flatMap { Int($0[column]) }
    }

    /// The sum of the rows' quantities, exact.
    private static func microWattHours(_ rows: [Row]) -> Int {
        rows.reduce(0) { sum, row in
            let parts = (row["quantity"] ?? "").split(separator: ".").map(String.init)
            let fraction = parts.count > 1 ? parts[1] : ""
            return sum + (Int(parts[0] + fraction + String(repeating: "0", count: 9 - fraction.count)) ?? 0)
        }
    }

    /// Minutes since 2024-01-01 of a stamp such as `2025-01-11 00:10`.
    private static func minute(_ stamp: String) -> Int? {
        let parts = stamp.split { "- :".contains($0) }.compactMap { Int($0) }
        guard parts.count == 5, let year = parts.first, (2024...2025).contains(year) else { return nil }
        let lengths = [31, year == 2024 ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        let days = (year == 2024 ? 0 : 366) + lengths.prefix(parts[1] - 1).reduce(0, +) + parts[2] - 1
        return (days * 24 + parts[3]) * 60 + parts[4]
    }
}
