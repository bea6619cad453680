import MeterModel
import OracleRows
import ReadModel
import SharedFiles
import Testing

/// The worked examples of the semantics that flat tariffs and the rule `zero` are enough for.
@Suite("Worked examples")
struct ExampleTests {
    private static let withinReach = ["01", "04", "05", "06", "07", "08", "09", "13", "16", "17"]

    static var examples: [String] {
        SharedFolder.names(in: "examples").filter { name in withinReach.contains { name.hasPrefix($0 + "-") } }
    }

    @Test("Every expected file comes out, in one batch and line by line", arguments: examples, [false, true])
    func comesOut(_ example: String, lineByLine: Bool) throws {
        let pipeline = try Pipeline()
        let lines = try SharedFolder.lines("examples/\(example)/events.ndjson")
        var outcomes: [LineOutcome] = []
        if lineByLine {
            for (i, line) in lines.enumerated() {
                outcomes += try pipeline.ingest([line])
                try pipeline.commit()
                if i % 3 == 2 { try pipeline.restart(keepingStore: i % 2 == 0) }
            }
        } else {
            outcomes = try pipeline.ingest(lines)
        }
        try pipeline.commit()
        try check(example, pipeline, outcomes)
        #expect(try ViewComparison.compare(pipeline.store, pipeline.rebuilt()).isEqual)
    }

    private func check(_ example: String, _ pipeline: Pipeline, _ outcomes: [LineOutcome]) throws {
        var refused: [String] = []
        for (i, outcome) in outcomes.enumerated() {
            if case .refused(let code) = outcome { refused.append("{\"line\":\(i + 1),\"code\":\"\(code)\"}") }
        }
        let files = SharedFolder.names(in: "examples/\(example)/expected")
        #expect(!files.isEmpty)
        if !files.contains("refused.json") { #expect(refused == []) }
        for file in files {
            let expected = compactRows(try SharedFolder.lines("examples/\(example)/expected/\(file)"))
            let parts = file.split(separator: ".").map(String.init)
            guard parts[0] != "refused" else {
                #expect(refused == expected)
                continue
            }
            let query = try #require(AskedQuery(rawValue: parts[0]), "\(file) names no query")
            let option = parts.count > 2 ? parts[1] : nil
            let position = option.flatMap { UInt64($0.dropFirst("at-position-".count)) }
            #expect(option == nil || position != nil, "\(file)")
            let store = try position.map { try pipeline.rebuilt(through: Position($0)) } ?? pipeline.store
            #expect(try store.compactRows(query) == expected, "\(example)/\(file)")
        }
    }
}
