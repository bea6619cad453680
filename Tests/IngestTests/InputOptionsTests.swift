import MeterModel
import Telegrams
import Testing

@testable import Ingest

/// The words of first lines, requests and commands.
@Suite struct InputOptionsTests {
    private func options(_ words: [String: String], _ former: InputOptions = InputOptions()) throws -> InputOptions {
        var options = former
        try options.apply(words) { name throws(ProfileError) in
            if name == "broken" { throw ProfileError(source: name, line: 3, text: "it is broken") }
            return try Profiles.named(name, zones: stageZones)
        }
        return options
    }

    private func fault(_ words: [String: String]) -> ParameterFault? {
        #expect(throws: ParameterFault.self) { _ = try options(words) }
    }

    @Test func `Each word sets its own, and what is left out stays`() throws {
        let all = try options([
            "format": "line-protocol", "precision": "ms", "utility": "water", "unit": "m3", "register": "cold",
            "device": "W-1", "profile": "toon",
        ])
        #expect(all.format == .lineProtocol && all.precision == .milliseconds && all.utility == .water)
        #expect(all.unit == .cubicMetre && all.register == "cold" && all.device == "W-1" && all.profile != nil)
        let less = try options(["unit": "L"], all)
        #expect(less.unit == .litre && less.format == .lineProtocol && less.precision == .milliseconds)
        #expect(less.utility == .water && less.register == "cold" && less.device == "W-1" && less.profile != nil)
        #expect(try options([:]).format == nil)
        #expect(try options(["colour": "red"]).unit == nil)
        #expect(
            Set(InputOptions.wordNames) == [
                "format", "precision", "profile", "utility", "unit", "register", "device",
            ]
        )
    }

    @Test(arguments: InputOptions.wordNames) func `A word that cannot be understood is named`(_ name: String) throws {
        let found = try #require(fault([name: name == "register" || name == "device" ? "" : "nonsense"]))
        #expect(found.name == name && !found.text.isEmpty)
    }

    @Test func `The text of a fault is short, and a profile's own fault is told`() throws {
        let long = try #require(fault(["unit": String(repeating: "x", count: 10_000)]))
        #expect(long.text.count < 100)
        #expect(fault(["profile": "broken"])?.text == "it is broken")
    }
}
