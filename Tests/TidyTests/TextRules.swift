/// Rules that look at a file's text line by line.
enum TextRules {
    static let maximumLineCount = 500
    static let maximumColumnCount = 120

    static func length(_ file: SourceFile) -> [Finding] {
        let count = file.lines.count - (file.lines.last == "" ? 1 : 0)
        guard count > maximumLineCount else { return [] }
        return [
            Finding(path: file.path, line: count, text: "\(count) lines, at most \(maximumLineCount): split by topic")
        ]
    }

    static func layout(_ file: SourceFile) -> [Finding] {
        var found: [Finding] = []
        if !file.text.isEmpty, file.text.last != "\n" {
            found.append(Finding(path: file.path, line: file.lines.count, text: "the file ends without a newline"))
        }
        for (i, line) in file.lines.enumerated() {
            if line.contains("\t") { found.append(Finding(path: file.path, line: i + 1, text: "a tab")) }
            if line.last == " " { found.append(Finding(path: file.path, line: i + 1, text: "a space at the end")) }
            // A sample that a test reads may be one long line.
            let isSample = !file.isSource && line.contains("\"")
            if file.isSwift, !isSample, line.count > maximumColumnCount {
                found.append(Finding(path: file.path, line: i + 1, text: "\(line.count) columns"))
            }
        }
        return found
    }

    /// Names that say nothing of what is inside.
    static func fileName(_ file: SourceFile) -> [Finding] {
        let name = file.path.split(separator: "/").last.map(String.init) ?? ""
        return ["Utils", "Helpers", "Manager", "Common"].filter { name.contains($0) }.map {
            Finding(path: file.path, line: 1, text: "a file named \($0): name it by its topic")
        }
    }

    /// Folders of somebody's machine. (Written in pieces, for this file is looked at too.)
    static func machinePaths(_ file: SourceFile) -> [Finding] {
        let roots = ["home", "Users", "root", "work", "mnt"].map { "/" + $0 + "/" }
        return file.lines.enumerated().flatMap { i, line in
            roots.filter { root in
                line.ranges(of: root).contains { range in
                    // `sources/work/x` is relative; a path of a machine begins there.
                    guard range.lowerBound > line.startIndex else { return true }
                    let before = line[line.index(before: range.lowerBound)]
                    return !(before.isLetter || before.isNumber || "-_.}".contains(before))
                }
            }.map { Finding(path: file.path, line: i + 1, text: "a path of one machine: \($0)") }
        }
    }
}

/// Words that may not be written.
enum WordRules {
    static let unfinished = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]

    static func unfinishedWork(_ file: SourceFile) -> [Finding] {
        let notImplemented = "fatalError(\"not " + "implemented"
        return file.lines.enumerated().flatMap { i, line in
            let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_") }
            var found = unfinished.filter { words.contains(Substring($0)) }
            if line.contains(notImplemented) { found.append(notImplemented) }
            return found.map { Finding(path: file.path, line: i + 1, text: "unfinished: \($0)") }
        }
    }

    static func bannedCode(_ file: SourceFile) -> [Finding] {
        var banned = ["try!"]
        let name = file.path.split(separator: "/").last ?? ""
        let isClock = file.target == "meterfold" && name.contains("Clock")
        if !(file.isSource && file.target == "meterfold") { banned.append("print(") }
        if file.isSource, !isClock { banned += ["Date()", "Date.now"] }
        if file.isSource, ["MeterModel", "Billing", "Projections", "Telegrams"].contains(file.target) {
            banned += ["Double", "Float"]
        }
        return file.code.enumerated().flatMap { i, line in
            banned.filter { contains(line, word: $0) }
                .map { Finding(path: file.path, line: i + 1, text: "banned here: \($0)") }
        }
    }

    /// Whether a word occurs that is no part of a longer one.
    private static func contains(_ line: String, word: String) -> Bool {
        line.ranges(of: word).contains { range in
            func isPart(_ character: Character?) -> Bool {
                character.map { $0.isLetter || $0.isNumber || $0 == "_" } ?? false
            }
            let before = line[..<range.lowerBound].last
            let after = line[range.upperBound...].first
            let endsInWord = word.last.map { $0.isLetter } ?? false
            return !isPart(before) && !(endsInWord && isPart(after))
        }
    }

    /// What the compiler does not check somebody must have thought about.
    static func uncheckedSendable(_ file: SourceFile) -> [Finding] {
        let safety = "// Safety:"
        return file.code.indices.filter { i in
            file.code[i].contains("@unchecked " + "Sendable") && !file.lines[i].contains(safety)
                && !file.preamble(of: i).contains { $0.hasPrefix(safety) || $0.hasPrefix("/" + safety) }
        }.map { Finding(path: file.path, line: $0 + 1, text: "unchecked Sendable without a `\(safety)` line") }
    }
}
