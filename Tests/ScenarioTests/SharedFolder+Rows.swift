import SharedFiles

extension SharedFolder {
    static func rows(_ part: String) throws -> [Row] {
        try text(part).split(separator: "\n").map { try Row(String($0)) }
    }

    /// The first line of a file compressed with gzip.
    static func firstGzipLine(_ part: String, _ scenario: Scenario) throws -> String {
        let outcome = try scenario.runOther(["gzip", "-dc", path(part)])
        return outcome?.outputLines.first ?? ""
    }
}
