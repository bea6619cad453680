import Foundation
import SharedFiles
import Testing

/// Meters' exports as published, read by the shipped profiles.
///
/// The expected rows are those of the same meter's normalised events. A test registers the meter with that file's own
/// first line, so that zone, unit and register agree; what is mapped beyond that is said where it is done.
@Suite(.enabled(if: SharedFolder.isThere, "shared fixtures are absent"))
struct PublishedFileTests {
    struct Export: Sendable {
        var file: String
        var profile: String
        /// The device of the expected rows, which `--device` names too.
        var meter: String
    }

    static let registers = [
        Export(
            file: "electricity/toon_elec_quantity_nt_orig_5yrhours.csv",
            profile: "toon",
            meter: "toon-elec-import-normal"
        ),
        Export(
            file: "electricity/toon_elec_quantity_lt_5yrhours_head20000.csv",
            profile: "toon",
            meter: "toon-elec-net-low"
        ),
        Export(file: "gas/toon_gas_quantity_5yrhours.csv", profile: "toon-gas", meter: "toon-gas"),
        Export(
            file: "electricity/p1mon_elec_feed_in_tariff_1_high_resolution.csv",
            profile: "p1mon",
            meter: "p1mon-import-t1"
        ),
        Export(
            file: "gas/homewizard_15min_P1g-2025-3-1-2025-7-12.csv",
            profile: "homewizard-gas",
            meter: "homewizard-gas"
        ),
        Export(
            file: "water/homewizard_15min_Water-2025-3-1-2025-7-12.csv",
            profile: "homewizard-water",
            meter: "homewizard-water"
        ),
        Export(
            file: "electricity/ampds2_Electricity_B1E-11_head12000.csv",
            profile: "ampds2-electricity",
            meter: "ampds2-elec-b1e-part11"
        ),
        Export(file: "gas/ampds2_NaturalGas_FRG-4_head25000.csv", profile: "ampds2-gas", meter: "ampds2-gas-frg-part4"),
        Export(
            file: "water/ampds2_Water_WHW-1_head25000.csv",
            profile: "ampds2-water",
            meter: "ampds2-water-whw-part1"
        ),
    ]

    @Test(arguments: registers)
    func `A register's export gives the expected consumption, anomalies and devices`(_ export: Export) throws {
        let scenario = try Scenario()
        try register([export.meter], scenario)
        let summary = try scenario.ingest(
            files: [SharedFolder.path("fixtures/\(export.file)")],
            ["--profile", export.profile, "--device", export.meter]
        )
        #expect(summary[integer: "rejected"] == 0)
        // One meter, its readings in the order of the file after one registration: positions agree as well.
        try compare(scenario, [export.meter], dropping: [])
    }

    @Test func `Four registers in a row are four devices`() throws {
        let scenario = try Scenario()
        let meters = ["export-t1", "export-t2", "import-t1", "import-t2"].map { "homewizard-\($0)" }
        try register(meters, scenario)
        let file = SharedFolder.path("fixtures/electricity/homewizard_2022-09_15min_elec.csv")
        let summary = try scenario.ingest(files: [file], ["--profile", "homewizard-electricity"])
        #expect(summary[integer: "accepted"] == 4 * 2880)
        // The four meters' readings share one log: positions differ from those of a log for each.
        try compare(scenario, meters, dropping: ["position"])
    }

    /// The file calls meters by the trial's user keys; the expected rows by `daiad-` and eight characters of it.
    @Test func `A trial's meters are devices by their keys`() throws {
        let scenario = try Scenario()
        let file = SharedFolder.path("fixtures/water/daiad_swm_trialA_3meters.csv")
        let rows = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").dropFirst()
        let keys = Set(rows.compactMap { $0.split(separator: ";").first.map(String.init) }).sorted()
        #expect(keys.count == 3)
        let meters = keys.map { "daiad-\($0.prefix(8))" }
        let names = Dictionary(uniqueKeysWithValues: zip(keys, meters))
        var registrations = ""
        for meter in meters {
            let key = keys[meters.firstIndex(of: meter) ?? 0]
            registrations += try registration(meter, scenario).replacing("\"\(meter)\"", with: "\"\(key)\"") + "\n"
        }
        try scenario.ingest(registrations)
        let summary = try scenario.ingest(files: [file], ["--profile", "daiad"])
        #expect(summary[integer: "accepted"] == 4896 + 8647 + 8366)
        try compare(scenario, meters, dropping: ["position"]) { row in
            row["device"].flatMap { names[$0] }.map { row.with("device", $0) } ?? row
        }
    }

    @Test func `A meter's own profile stands for a published one`() throws {
        let scenario = try Scenario()
        let profile = try scenario.file(
            "meter.yaml",
            """
            # The same columns as the shipped profile of P1 Monitor.
            header: false
            device: p1mon-import-t1
            unit: kWh
            columns: { time: 1, value: 2 }
            """
        )
        try register(["p1mon-import-t1"], scenario)
        let file = SharedFolder.path("fixtures/electricity/p1mon_elec_feed_in_tariff_1_high_resolution.csv")
        try scenario.ingest(files: [file], ["--profile", profile])
        try compare(scenario, ["p1mon-import-t1"], dropping: [])
    }

    // MARK: Parts

    /// The normalised file's first line, which declares the meter.
    private func registration(_ meter: String, _ scenario: Scenario) throws -> String {
        let line = try SharedFolder.firstGzipLine("fixtures/normalised/\(meter).ndjson.gz", scenario)
        #expect(line.contains("DeviceRegistered"))
        return line
    }

    private func register(_ meters: [String], _ scenario: Scenario) throws {
        let lines = try meters.map { try registration($0, scenario) }
        try scenario.ingest(lines.joined(separator: "\n"))
    }

    private func compare(
        _ scenario: Scenario,
        _ meters: [String],
        dropping fields: [String],
        mapping: (Row) -> Row = { $0 }
    ) throws {
        for (query, file) in ExpectedRows.queries {
            let outcome = try scenario.run(["query"] + query + ["--format", "ndjson"])
            scenario.expect(exit: 0, outcome)
            let rows = try outcome.outputLines.map { mapping(try Row($0).dropping(["detail"] + fields)) }
            let expected = try meters.flatMap { meter in
                try ExpectedRows.of(meter, file).map { $0.dropping(fields) }
            }
            #expect(rows == expected, "\(ExpectedRows.difference(rows, expected))")
        }
    }
}

/// The rows that the semantics expect of the normalised meters.
enum ExpectedRows {
    static let queries: [(query: [String], file: String)] = [
        (["consumption", "--by", "day"], "consumption-day"), (["consumption", "--by", "month"], "consumption-month"),
        (["anomalies"], "anomalies"), (["devices"], "devices"),
    ]

    static func of(_ meter: String, _ file: String) throws -> [Row] {
        try SharedFolder.rows("fixtures/expected/semantics/\(meter)/\(file).ndjson")
    }

    /// The first rows that differ, so that a failure can be read.
    static func difference(_ rows: [Row], _ expected: [Row]) -> String {
        let at = zip(rows, expected).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        let i = at ?? min(rows.count, expected.count)
        let pair = [rows, expected].map { $0.indices.contains(i) ? $0[i].description : "-" }
        return "\(rows.count) rows, \(expected.count) expected; first different: \(pair[0]), expected \(pair[1])"
    }
}
