/// Rules about declarations, found by their keywords in code without comments and strings.
enum DeclarationRules {
    static let maximumFunctionLineCount = 70
    static let long = "// Long:"

    /// A function that is longer than a screen says why, in a comment `// Long:` right above it.
    static func functionLength(_ file: SourceFile) -> [Finding] {
        file.code.indices.compactMap { i in
            guard declaresFunction(file.code[i]), let end = endOfBody(file.code, from: i) else { return nil }
            let count = end - i + 1
            guard count > maximumFunctionLineCount, !file.preamble(of: i).contains(where: { $0.hasPrefix(long) })
            else { return nil }
            return Finding(
                path: file.path,
                line: i + 1,
                text: "a function of \(count) lines, at most \(maximumFunctionLineCount) without a `\(long)` above"
            )
        }
    }

    private static func declaresFunction(_ line: String) -> Bool {
        let words = line.split { !($0.isLetter || $0 == "." || $0 == "_" || $0 == "@") }
        // `.init(` and `self.init(` are calls: the dot keeps them one word.
        return words.contains("func") || words.first { !modifiers.contains(String($0)) } == "init"
    }

    private static let modifiers: Set<String> = [
        "package", "public", "private", "fileprivate", "internal", "convenience", "required", "override", "static",
        "mutating", "nonisolated", "final", "class", "consuming", "borrowing", "isolated", "@inlinable",
        "@usableFromInline",
        "@discardableResult", "@inline", "__always", "never", "indirect",
    ]

    /// The line of the brace that closes the body; nil for a requirement without one.
    private static func endOfBody(_ code: [String], from start: Int) -> Int? {
        var parentheses = 0
        var braces = 0
        for i in start..<code.count {
            if i > start, parentheses == 0, braces == 0, !continuesSignature(code[i]) { return nil }
            for character in code[i] {
                switch character {
                case "(", "[": parentheses += 1
                case ")", "]": parentheses -= 1
                case "{": braces += 1
                case "}":
                    braces -= 1
                    if braces < 0 { return nil }
                    if braces == 0, parentheses == 0 { return i }
                default: break
                }
            }
        }
        return nil
    }

    private static func continuesSignature(_ line: String) -> Bool {
        let trimmed = line.drop { $0 == " " }
        return ["{", "->", "where", "throws", "async", "rethrows"].contains { trimmed.hasPrefix($0) }
    }

    /// Names of functions that are documented as requirements of a protocol: their witnesses need no words of their
    /// own.
    static func documentedRequirements(_ files: [SourceFile]) -> Set<String> {
        var names: Set<String> = []
        for file in files {
            var depth = 0
            for i in file.code.indices {
                let line = file.code[i]
                if depth == 0, line.split(separator: " ").contains("protocol") {
                    depth = braceBalance(line)
                    continue
                }
                guard depth > 0 else { continue }
                if let name = functionName(line), isDocumented(file, i) { names.insert(name) }
                depth = max(0, depth + braceBalance(line))
            }
        }
        return names
    }

    private static func braceBalance(_ line: String) -> Int {
        line.reduce(0) { $0 + ($1 == "{" ? 1 : $1 == "}" ? -1 : 0) }
    }

    /// Witnesses of the standard library's and the argument parser's requirements.
    private static let wellKnown: Set<String> = ["hash", "encode", "next", "makeIterator", "run", "validate", "now"]

    /// Types and functions that other modules see are documented. A function may go without where its whole body stands
    /// on its line, where another of its name in the file is documented, and where it meets a documented requirement.
    static func documentation(_ file: SourceFile, requirements: Set<String> = []) -> [Finding] {
        let documentedHere = Set(
            file.code.indices.compactMap { i in isDocumented(file, i) ? functionName(file.code[i]) : nil }
        )
        return file.code.indices.compactMap { i in
            let line = file.code[i]
            guard let declared = visibleDeclaration(line), !isDocumented(file, i) else { return nil }
            if declared.keyword == "func" {
                let first = declared.name.first
                guard first?.isLetter == true || first == "_" else { return nil }
                if line.hasSuffix("}") || wellKnown.contains(declared.name) { return nil }
                if documentedHere.contains(declared.name) || requirements.contains(declared.name) { return nil }
            }
            return Finding(path: file.path, line: i + 1, text: "\(declared.keyword) \(declared.name) without a comment")
        }
    }

    private static func isDocumented(_ file: SourceFile, _ line: Int) -> Bool {
        file.preamble(of: line).contains { $0.hasPrefix("///") }
    }

    private static func functionName(_ line: String) -> String? {
        let words = line.split(separator: " ")
        guard let at = words.firstIndex(of: "func"), at + 1 < words.count else { return nil }
        return String(words[at + 1].prefix { $0 != "(" && $0 != "<" })
    }

    /// The keyword and name of a type or function that is declared package or public on a line.
    private static func visibleDeclaration(_ line: String) -> (keyword: String, name: String)? {
        let words = line.split(separator: " ")
        guard let access = words.firstIndex(where: { !$0.hasPrefix("@") }),
            ["package", "public", "open"].contains(words[access])
        else { return nil }
        let kinds: Set<Substring> = ["struct", "class", "enum", "actor", "protocol", "func", "typealias"]
        guard let at = words[access...].firstIndex(where: kinds.contains), at + 1 < words.count else { return nil }
        let between = words[access + 1..<at].allSatisfy { modifiers.contains(String($0)) }
        guard between else { return nil }
        return (String(words[at]), String(words[at + 1].prefix { !"(<:{".contains($0) }))
    }
}
