import Foundation

/// Worked examples, published measurements and conformance suites, which are not part of this repository.
///
/// They lie where `METERFOLD_SHARED` says, or in a folder `shared` beside the package; where they are absent the tests
/// that need them are skipped with a notice.
package enum SharedFolder {
    private static let root: URL? = {
        let named = ProcessInfo.processInfo.environment["METERFOLD_SHARED"].map { URL(filePath: $0) }
        let beside = URL(filePath: #filePath).appending(path: "../../../../shared").standardized
        let found = [named, beside].compactMap { $0 }.first { candidate in
            ["examples", "fixtures"].allSatisfy {
                FileManager.default.fileExists(atPath: candidate.appending(path: $0).path())
            }
        }
        if found == nil {
            let notice = "skipped: no shared examples and fixtures; name their folder in METERFOLD_SHARED\n"
            FileHandle.standardError.write(Data(notice.utf8))
        }
        return found
    }()

    package static var isThere: Bool { root != nil }

    /// Where a part of the folder lies; nowhere that exists if the folder is absent.
    package static func path(_ part: String) -> String { (root?.path() ?? "/nonexistent") + "/" + part }

    /// The names in a part of the folder, sorted; none where it is absent.
    package static func names(in part: String) -> [String] { (try? files(in: part)) ?? [] }

    /// The names in a part of the folder, sorted; throws where it is absent.
    package static func files(in part: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path(part)).sorted()
    }

    package static func bytes(_ part: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: path(part))))
    }

    package static func text(_ part: String) throws -> String {
        try String(contentsOfFile: path(part), encoding: .utf8)
    }

    /// The lines of a file that are not empty; none where the folder is absent.
    package static func lines(_ part: String) throws -> [String] {
        isThere ? lines(of: Data(try bytes(part))) : []
    }

    /// As `lines`, of a file compressed with gzip.
    package static func gzipLines(_ part: String) throws -> [String] {
        guard isThere else { return [] }
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc", path(part)]
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return lines(of: data)
    }

    private static func lines(of data: Data) -> [String] {
        String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
