import Foundation

/// A file of the repository, as text and (for Swift) as code without comments and string literals.
struct SourceFile: Sendable {
    /// From the repository's root, with `/`.
    let path: String
    let text: String
    let lines: [String]
    /// The same lines with comments and the contents of string literals blanked out.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        self.text = text
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        code = path.hasSuffix(".swift") ? SourceFile.stripped(text) : lines
    }

    /// The target that the file belongs to: the folder below Sources, Tests or Benchmarks.
    var target: String {
        let parts = path.split(separator: "/")
        return parts.count > 2 ? String(parts[1]) : ""
    }

    var isSource: Bool { path.hasPrefix("Sources/") }
    var isSwift: Bool { path.hasSuffix(".swift") }

    /// The comment lines, attributes and compiler conditions right above a line (index from 0), nearest first.
    func preamble(of line: Int) -> [Substring] {
        var found: [Substring] = []
        var i = line - 1
        while i >= 0 {
            let trimmed = lines[i].drop { $0 == " " }
            guard trimmed.hasPrefix("//") || trimmed.hasPrefix("@") || trimmed.hasPrefix("#") else { break }
            found.append(trimmed)
            i -= 1
        }
        return found
    }

    private enum State {
        case code
        case blockComment(depth: Int)
        case multilineString
    }

    /// Good enough for formatted sources: quotes of all kinds, `//`, nested block comments. What is interpolated counts
    /// as text.
    private static func stripped(_ text: String) -> [String] {
        var state = State.code
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { stripped(line: $0, &state) }
    }

    private static func stripped(line: Substring, _ state: inout State) -> String {
        var result = ""
        var rest = line
        while let character = rest.first {
            switch state {
            case .blockComment(let depth):
                if rest.hasPrefix("*/") {
                    state = depth == 1 ? .code : .blockComment(depth: depth - 1)
                    rest = rest.dropFirst(2)
                } else if rest.hasPrefix("/*") {
                    state = .blockComment(depth: depth + 1)
                    rest = rest.dropFirst(2)
                } else {
                    rest = rest.dropFirst()
                }
            case .multilineString:
                if rest.hasPrefix("\"\"\"") {
                    state = .code
                    rest = rest.dropFirst(3)
                    result.append("\"")
                } else {
                    rest = rest.dropFirst(character == "\\" ? 2 : 1)
                }
            case .code:
                if rest.hasPrefix("//") { return result }
                if rest.hasPrefix("/*") {
                    state = .blockComment(depth: 1)
                    rest = rest.dropFirst(2)
                } else if rest.hasPrefix("\"\"\"") {
                    state = .multilineString
                    rest = rest.dropFirst(3)
                    result.append("\"")
                } else if character == "\"" {
                    rest = afterString(rest)
                    result.append("\"\"")
                } else {
                    result.append(character)
                    rest = rest.dropFirst()
                }
            }
        }
        return result
    }

    /// What follows a one-line string literal.
    private static func afterString(_ text: Substring) -> Substring {
        var rest = text.dropFirst()
        while let character = rest.first {
            rest = rest.dropFirst(character == "\\" ? 2 : 1)
            if character == "\"" { break }
        }
        return rest
    }
}

/// Something that a rule objects to.
struct Finding: Equatable, CustomStringConvertible, Sendable {
    let path: String
    /// From 1.
    let line: Int
    let text: String

    var description: String { "\(path):\(line): \(text)" }
}

/// The repository that this file is part of.
enum Repository {
    static let root: URL = {
        var url = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<3 { url.deleteLastPathComponent() }
        return url
    }()

    /// Every Swift file below Sources, Tests and Benchmarks, and the manifest.
    static let swiftFiles: [SourceFile] = files(below: ["Sources", "Tests", "Benchmarks", "Package.swift"]) {
        $0.hasSuffix(".swift")
    }

    /// Everything written by hand: sources, documents, scripts.
    static let writtenFiles: [SourceFile] = files(
        below: [
            "Sources", "Tests", "Benchmarks", "Package.swift", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs",
            "scripts", ".ci",
        ]
    ) { path in
        let name = path.split(separator: "/").last ?? ""
        return !name.contains(".") || [".swift", ".md", ".sh", ".yaml", ".c", ".h"].contains { name.hasSuffix($0) }
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    private static func files(below places: [String], where isMeant: (String) -> Bool) -> [SourceFile] {
        places.flatMap { paths(below: $0) }.filter(isMeant).sorted().compactMap { path in
            (try? text(path)).map { SourceFile(path: path, text: $0) }
        }
    }

    private static func paths(below path: String) -> [String] {
        let url = root.appendingPathComponent(path)
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory) else { return [] }
        guard isDirectory.boolValue else { return [path] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
        return names.flatMap { paths(below: "\(path)/\($0)") }
    }
}
