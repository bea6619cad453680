import MeterModel
import Testing

@testable import Ingest

/// Zones that a test makes up: the rules of Central Europe around 2025.
struct TestZones: ZoneSource {
    var version: String { "test" }

    func rules(of name: String) -> ZoneRules? {
        guard name != "Nowhere/Nothing" else { return nil }
        return ZoneRules(
            name: name,
            transitions: [(1_743_296_400_000, 7200), (1_761_440_400_000, 3600)],
            initialOffsetSeconds: 3600
        )
    }
}

@Suite struct ProfileTests {
    @Test func `All shipped profiles can be read`() throws {
        #expect(Profiles.names == Profiles.names.sorted())
        for name in Profiles.names {
            #expect(try Profiles.named(name, zones: TestZones())?.name == name)
        }
        #expect(try Profiles.named("nobody", zones: TestZones()) == nil)
    }

    @Test(arguments: [
        ("format: csv\ncolumns: { time: 1, value: 2 }\ncolour: red\nheader: false", 3, "unknown key \"colour\""),
        ("header: false\ncolumns:\n  time: 1\n  valeu: 2\n", 4, "unknown key \"valeu\""),
        ("columns: { time: time }\n", 1, "no column of values"), ("header: true\n", 1, "columns are missing"),
        ("columns: { value: value }\n", 1, "no column of times"), ("format: xml\n", 1, "no format"),
        ("header: false\ncolumns: { time: time, value: 2 }\n", 2, "go by number"),
        ("columns: { time: t, value: v }\ntime: { format: yyyy-QQ }\n", 2, "no pattern"),
        (
            "columns: { time: t, value: v }\ntime: { format: yyyy-MM-dd, zone: Nowhere/Nothing }\n", 2,
            "no known time zone"
        ),
        ("columns: { time: t, value: v }\ntime: { zone: Europe/Berlin }\n", 2, "need a pattern"),
        ("columns: { time: t, value: v }\ninterval: { length: 15m }\n", 2, "stamped"),
        ("columns: { time: t, value: v }\npowerOfTen: 7\n", 2, "from -6 to 6"),
        ("columns: { time: t, value: v }\nunit: therm\n", 2, "no unit"), ("columns: [", 2, "no YAML"),
        ("- a\n", 1, "keys and values"),
        ("format: line-protocol\nfields: [ { register: a } ]\n", 2, "needs a name"),
    ])
    func `A fault names its line`(yaml: String, line: Int, text: String) {
        let error = #expect(throws: ProfileError.self) {
            _ = try Profiles.parse(yaml, source: "p.yaml", zones: TestZones())
        }
        #expect(error?.line == line, "\(String(describing: error))")
        #expect(error?.description.contains(text) == true, "\(String(describing: error))")
    }

    @Test func `A file that is not there`() {
        #expect(throws: ProfileError.self) { _ = try Profiles.load(file: "/nonexistent.yaml", zones: TestZones()) }
    }
}
