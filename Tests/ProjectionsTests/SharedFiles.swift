import Foundation

/// The folder with the worked examples and the fixtures, which are not part of this repository.
///
/// It is named by `METERFOLD_SHARED`, or lies beside the package as `shared`.
enum SharedFiles {
    static let folder: URL? = {
        let beside = URL(filePath: #filePath).appending(path: "../../../../shared").standardized
        let named = ProcessInfo.processInfo.environment["METERFOLD_SHARED"].map { URL(filePath: $0) }
        let folder = named ?? beside
        if FileManager.default.fileExists(atPath: folder.appending(path: "semantics.md").path()) { return folder }
        let notice = "skipped: no shared files at \(folder.path()); name their folder in METERFOLD_SHARED\n"
        FileHandle.standardError.write(Data(notice.utf8))
        return nil
    }()

    /// The names in a folder, sorted; none where it is absent.
    static func names(in path: String) -> [String] {
        guard let folder else { return [] }
        let names = try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: path).path())
        return (names ?? []).sorted()
    }

    static func lines(_ path: String) throws -> [String] {
        guard let folder else { return [] }
        return lines(of: try Data(contentsOf: folder.appending(path: path)))
    }

    /// The lines of a file compressed with gzip.
    static func gzipLines(_ path: String) throws -> [String] {
        guard let folder else { return [] }
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc", folder.appending(path: path).path()]
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

/// The rows of a pretty-printed array, one a line, in the compact form.
func compactRows(_ lines: [String]) -> [String] {
    lines.filter { $0 != "[" && $0 != "]" && $0 != "[]" }.map(compact)
}

/// A row without the spaces outside its strings and without a comma after it.
private func compact(_ line: String) -> String {
    var isInString = false
    var isEscaped = false
    var text = ""
    for character in line {
        if !isInString, character == " " { continue }
        if character == "\"", !isEscaped { isInString.toggle() }
        isEscaped = character == "\\" && !isEscaped
        text.append(character)
    }
    if text.hasSuffix(",") { text.removeLast() }
    return text
}
