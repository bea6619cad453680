import Foundation
import MeterModel
import SharedFiles
import Telegrams
import Testing

@testable import Ingest

/// Files as meters' makers publish them, against the same readings as events.
@Suite(.enabled(if: SharedFolder.isThere, "shared fixtures are absent"))
struct PublishedFileTests {
    /// Zones as plain tables: what the published files need.
    private struct Zones: ZoneSource {
        var version: String { "test" }

        func rules(of name: String) -> ZoneRules? {
            let (standard, summer): (Int32, Int32) = name.hasPrefix("Europe") ? (3600, 7200) : (-28_800, -25_200)
            var transitions: [(at: Int64, offsetSeconds: Int32)] = []
            for year in 2010...2026 {
                let (begins, ends) = name.hasPrefix("Europe") ? european(year) : american(year)
                transitions.append((begins, summer))
                transitions.append((ends, standard))
            }
            return ZoneRules(name: name, transitions: transitions, initialOffsetSeconds: standard)
        }

        /// The `count`th Sunday of a month, of -1 the last, as milliseconds at 00:00 UTC.
        private func sunday(_ count: Int, _ year: Int, _ month: Int) -> Int64 {
            let last = LocalDate.dayCount(year: year, month: month)
            let days = (1...last).map { LocalDate.dayNumber(year: year, month: month, day: $0) }
                .filter { LocalDate(dayNumber: Int32($0)).weekday == 6 }
            return Int64(count > 0 ? days[count - 1] : days[days.count - 1]) * Milliseconds.day
        }

        private func european(_ year: Int) -> (Int64, Int64) {
            (sunday(-1, year, 3) + Milliseconds.hour, sunday(-1, year, 10) + Milliseconds.hour)
        }

        private func american(_ year: Int) -> (Int64, Int64) {
            (sunday(2, year, 3) + 10 * Milliseconds.hour, sunday(1, year, 11) + 9 * Milliseconds.hour)
        }
    }

    /// Instant and count of mWh or mL.
    private struct Point: Hashable {
        var at: Int64
        var milli: Int128
    }

    private func read(_ path: String, _ options: InputOptions) throws -> [String: [Point]] {
        let reader = InputReader(try InputSource(path: SharedFolder.path("fixtures/\(path)")), options: options)
        var batch = DecodedBatch()
        var points: [String: [Point]] = [:]
        while try reader.next(into: &batch) {
            #expect(batch.refusals.isEmpty, "\(path): \(batch.refusals.prefix(3))")
            for draft in batch.readings {
                let unit = try #require(Unit(rawValue: draft.unit))
                let value = ExactDecimal(Int128(draft.coefficient), fractionDigits: Int(draft.fractionDigits))
                let milli = try #require(value.scaled(by: unit.milliDigits))
                points[reader.names.devices[draft.device], default: []].append(Point(at: draft.at, milli: milli))
            }
        }
        return points
    }

    private func published(_ path: String, _ profile: String, device: String? = nil) throws -> [String: [Point]] {
        var options = InputOptions()
        options.profile = try Profiles.named(profile, zones: Zones())
        options.device = device
        return try read(path, options)
    }

    @Test(arguments: [
        ("electricity/toon_elec_quantity_nt_orig_5yrhours.csv", "toon", "toon-elec-import-normal"),
        ("electricity/toon_elec_quantity_lt_5yrhours_head20000.csv", "toon", "toon-elec-net-low"),
        ("gas/toon_gas_quantity_5yrhours.csv", "toon-gas", "toon-gas"),
        ("electricity/p1mon_elec_feed_in_tariff_1_high_resolution.csv", "p1mon", "p1mon-import-t1"),
        ("gas/homewizard_15min_P1g-2025-3-1-2025-7-12.csv", "homewizard-gas", "homewizard-gas"),
        ("water/homewizard_15min_Water-2025-3-1-2025-7-12.csv", "homewizard-water", "homewizard-water"),
        ("electricity/ampds2_Electricity_B1E-11_head12000.csv", "ampds2-electricity", "ampds2-elec-b1e-part11"),
        ("gas/ampds2_NaturalGas_FRG-4_head25000.csv", "ampds2-gas", "ampds2-gas-frg-part4"),
        ("water/ampds2_Water_WHW-1_head25000.csv", "ampds2-water", "ampds2-water-whw-part1"),
    ])
    func `A register's file gives the same readings as its events`(path: String, profile: String, device: String) throws
    {
        let points = try published(path, profile, device: device)
        let expected = try read("normalised/\(device).ndjson.gz", InputOptions())
        #expect(points == expected, "\(path)")
    }

    @Test func `Four registers in a row`() throws {
        let points = try published("electricity/homewizard_2022-09_15min_elec.csv", "homewizard-electricity")
        for register in ["import-t1", "import-t2", "export-t1", "export-t2"] {
            let device = "homewizard-\(register)"
            let expected = try read("normalised/\(device).ndjson.gz", InputOptions())
            #expect(points[device] == expected[device])
        }
    }

    @Test func `Meters of a trial by their keys, the repeated hour told apart`() throws {
        let points = try published("water/daiad_swm_trialA_3meters.csv", "daiad")
        #expect(points.count == 3)
        for (key, readings) in points {
            let device = "daiad-\(key.prefix(8))"
            let expected = try read("normalised/\(device).ndjson.gz", InputOptions())
            #expect(readings == expected[device], "\(device)")
        }
    }

    @Test(arguments: [
        ("electricity/shelly_em3_em_data_phaseA.csv", "shelly-em3", "shelly-phaseA"),
        ("electricity/lcl_dfMAC000584_head12000.csv", "lcl", "lcl-MAC000584"),
        ("electricity/hue_Residential_1.csv", "hue", "hue-residential-1"),
        ("electricity/cambridge_UCam_Building_b0_electricity_2020.csv", "cambridge", "cam-b0-electricity"),
        ("gas/cambridge_UCam_Building_b0_gas_2020.csv", "cambridge", "cam-b0-gas"),
    ])
    func `A file of intervals has them end where the register's readings lie`(
        path: String,
        profile: String,
        device: String
    )
        throws
    {
        let points = try #require(try published(path, profile).values.first)
        let expected = try #require(try read("normalised/\(device).ndjson.gz", InputOptions())[device])
        // The register was read once more, where the first interval begins.
        #expect(Set(points.map(\.at)) == Set(expected.dropFirst().map(\.at)), "\(path)")
    }
}
