import Foundation

/// Files that are not part of this repository: published measurements and conformance suites.
///
/// They lie where `METERFOLD_SHARED` says, or in a folder `shared` beside the package. Tests that need them are skipped
/// with a notice where they are absent.
enum SharedFixtures {
    static let root: URL? = {
        var candidates: [URL] = []
        if let path = ProcessInfo.processInfo.environment["METERFOLD_SHARED"] {
            candidates.append(URL(fileURLWithPath: path))
        }
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        candidates.append(package.deletingLastPathComponent().appendingPathComponent("shared"))
        let found = candidates.first {
            FileManager.default.fileExists(atPath: $0.appendingPathComponent("fixtures").path)
        }
        if found == nil { print("skipped: no shared fixtures (set METERFOLD_SHARED)") }
        return found
    }()

    static var areThere: Bool { root != nil }

    static func url(_ path: String) -> URL {
        (root ?? URL(fileURLWithPath: "/nonexistent")).appendingPathComponent(path)
    }

    static func bytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: url(path))) }

    static func files(in path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: url(path).path).sorted()
    }
}
