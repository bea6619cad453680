import Testing

/// All that the queries of a data directory print.
struct Views: Equatable {
    var rows: [String: [Row]] = [:]

    static let queries = [
        ["consumption", "--by", "hour"], ["consumption", "--by", "day"], ["consumption", "--by", "month"], ["balance"],
        ["ledger"], ["arrears"], ["episodes"], ["pushes"], ["anomalies"], ["devices"],
    ]

    /// - Parameters:
    ///   - scenario: whose data directory is asked.
    ///   - fields: names of what need not agree, such as `position`.
    /// - Throws: what running the queries throws.
    init(of scenario: Scenario, dropping fields: [String] = []) throws {
        for query in Views.queries {
            let outcome = try scenario.run(["query"] + query + ["--format", "ndjson"])
            scenario.expect(exit: 0, outcome)
            var found = try outcome.outputLines.map { try Row($0).dropping(fields) }
            // These follow positions, which across devices are no matter of the history.
            if fields.contains("position"), ["episodes", "pushes"].contains(query[0]) {
                found.sort { $0.description < $1.description }
            }
            rows[query.joined(separator: " ")] = found
        }
    }

    /// What differs, for a person: nothing where the views are equal.
    func differences(from other: Views) -> [String] {
        rows.keys.sorted().flatMap { query -> [String] in
            let (ours, theirs) = (rows[query] ?? [], other.rows[query] ?? [])
            if ours == theirs { return [] }
            let at = zip(ours, theirs).enumerated().first { $0.element.0 != $0.element.1 }?.offset
            let i = at ?? min(ours.count, theirs.count)
            let pair = [ours, theirs].map { $0.indices.contains(i) ? $0[i].description : "-" }
            return ["\(query): \(ours.count) and \(theirs.count) rows, first different: \(pair[0]) and \(pair[1])"]
        }
    }
}
