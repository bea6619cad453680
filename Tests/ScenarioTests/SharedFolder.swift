import Foundation

/// Worked examples and published measurements, which are not part of this repository.
///
/// They lie where `METERFOLD_SHARED` says, or in a folder `shared` beside the package; where they are absent the tests
/// that need them are skipped with a notice.
enum SharedFolder {
    static let root: String? = {
        let named = ProcessInfo.processInfo.environment["METERFOLD_SHARED"]
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let beside = package.deletingLastPathComponent().appendingPathComponent("shared").path
        let found = [named, beside].compactMap { $0 }.first {
            FileManager.default.fileExists(atPath: $0 + "/fixtures")
                && FileManager.default.fileExists(atPath: $0 + "/examples")
        }
        if found == nil { notice("skipped: no shared examples and fixtures (set METERFOLD_SHARED)") }
        return found
    }()

    static var isThere: Bool { root != nil }

    static func path(_ part: String) -> String { (root ?? "/nonexistent") + "/" + part }

    static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path(folder))) ?? []).sorted()
    }

    static func text(_ part: String) throws -> String { try String(contentsOfFile: path(part), encoding: .utf8) }

    static func rows(_ part: String) throws -> [Row] {
        try text(part).split(separator: "\n").map { try Row(String($0)) }
    }

    /// The first line of a file compressed with gzip.
    static func firstGzipLine(_ part: String, _ scenario: Scenario) throws -> String {
        let outcome = try scenario.runOther(["gzip", "-dc", path(part)])
        return outcome?.outputLines.first ?? ""
    }
}
