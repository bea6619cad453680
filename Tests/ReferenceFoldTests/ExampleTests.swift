import SharedFiles
import Testing

@testable import ReferenceFold

/// The worked examples that come with the semantics, every expected file of them.
struct ExampleTests {
    /// The fleet files of the examples, written as the events that `apply` makes of them.
    static let fleets: [String: [String]] = [
        "02-time-of-use-on-clock-change-days": [
            """
            {"event": "TariffPublished", "tariff": "home", "unit": "kWh", "currency": "EUR", "timezone": "Europe/Berlin", \
            "versions": [{"from": "2025-01-01", "default": "0.40", "periods": [\
            {"name": "half", "price": "1.00", "windows": [{"days": "sun", "from": "02:30", "to": "03:30"}]}, \
            {"name": "night", "price": "0.20", "windows": [{"days": "mon-sun", "from": "22:00", "to": "06:00"}]}]}]}
            """,
            """
            {"event": "DeviceRegistered", "device": "A-spring", "utility": "electricity", "gapAfter": "2d", \
            "tariff": "home", "from": "2025-01-01"}
            """,
            """
            {"event": "DeviceRegistered", "device": "B-autumn", "utility": "electricity", "gapAfter": "2d", \
            "tariff": "home", "from": "2025-01-01"}
            """,
        ],
        "11-several-levels-in-one-jump": [
            """
            {"event": "TariffPublished", "tariff": "ny", "unit": "kWh", "currency": "USD", \
            "timezone": "America/New_York", "versions": [{"from": "2025-01-01", "default": "0.35"}]}
            """,
            """
            {"event": "DeviceRegistered", "device": "E-7", "utility": "electricity", "account": "flat 7", \
            "tariff": "ny", "from": "2025-07-01", "alerts": [{"rule": "low", "level": "20", "cleared": true}, \
            {"rule": "very-low", "level": "5", "cleared": true}, {"rule": "tiny", "level": "1", "rearm": "40"}, \
            {"rule": "zero", "cleared": true}]}
            """,
        ],
    ]

    static var examples: [String] {
        SharedFolder.names(in: "examples").filter { $0 != "README.md" }
    }

    @Test(arguments: examples)
    func `Every expected file of an example comes out`(_ example: String) throws {
        var fold = ReferenceFold(recordedAt: recordedAt)
        for line in Self.fleets[example, default: []] {
            guard case .accepted = fold.ingest(ndjsonLine: line) else {
                Issue.record("\(line) is refused")
                continue
            }
        }
        var refused: [String] = []
        for (index, line) in try SharedFolder.lines("examples/\(example)/events.ndjson").enumerated() {
            if case .refused(let code) = fold.ingest(ndjsonLine: line) {
                refused.append("{\"line\":\(index + 1),\"code\":\"\(code)\"}")
            }
        }
        let files = SharedFolder.names(in: "examples/\(example)/expected")
        #expect(!files.isEmpty)
        if !files.contains("refused.json") { #expect(refused == []) }
        for file in files {
            let expected = compactRows(try SharedFolder.lines("examples/\(example)/expected/\(file)"))
            if file == "refused.json" {
                #expect(refused == expected)
            } else {
                let asked = try #require(AskedQuery(file), "\(file) names no query")
                let rows = fold.rows(asked.query, atPosition: asked.position, asOf: asked.asOf)
                #expect(rows == expected, "\(example)/\(file)")
            }
        }
    }
}

/// A query as the name of an expected file says it, such as `balance.as-of-2025-01-01T02-00-00Z.at-position-7.json`.
struct AskedQuery {
    let query: ReferenceQuery
    var position: Int?
    var asOf: Int64?

    init?(_ file: String) {
        let parts = file.split(separator: ".").map(String.init)
        let queries: [String: ReferenceQuery] = [
            "consumption-hour": .consumption(by: .hour), "consumption-day": .consumption(by: .day),
            "consumption-month": .consumption(by: .month), "balance": .balance, "ledger": .ledger, "arrears": .arrears,
            "episodes": .episodes, "pushes": .pushes, "anomalies": .anomalies, "devices": .devices,
        ]
        guard let query = parts.first.flatMap({ queries[$0] }) else { return nil }
        self.query = query
        for option in parts.dropFirst().dropLast() {
            if option.hasPrefix("at-position-") {
                position = Int(option.dropFirst("at-position-".count))
            } else if option.hasPrefix("as-of-") {
                let stamp = option.dropFirst("as-of-".count).split(separator: "T")
                let time = stamp.last.map { $0.replacing("-", with: ":") } ?? ""
                asOf = instantRead(Text("\(stamp.first ?? "")T\(time)"))
                if asOf == nil { return nil }
            } else {
                return nil
            }
        }
    }
}
