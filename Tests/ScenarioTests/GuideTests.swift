import Foundation
import Testing

/// The guides for operators: what they show is what the program prints.
struct GuideTests {
    /// A section of a page: its blocks in order, told to a data directory of its own.
    struct Section: CustomTestStringConvertible {
        var title: String
        var blocks: [(kind: Substring, text: String)] = []

        var testDescription: String { title }
    }

    static func sections(_ page: String) throws -> [Section] {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: package.appendingPathComponent("docs/\(page).md"), encoding: .utf8)
        var sections: [Section] = []
        var fence: (kind: Substring, lines: [Substring])?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```", let block = fence, !sections.isEmpty {
                sections[sections.count - 1].blocks.append((block.kind, block.lines.joined(separator: "\n")))
                fence = nil
            } else if line.hasPrefix("```") {
                fence = (line.dropFirst(3), [])
            } else if fence != nil {
                fence?.lines.append(line)
            } else if line.hasPrefix("## ") {
                sections.append(Section(title: "\(page): \(line.dropFirst(3))"))
            }
        }
        return sections.filter { !$0.blocks.isEmpty }
    }

    static let all = ["tariffs", "late-and-wrong-readings"].flatMap { (try? sections($0)) ?? [] }

    @Test func `Both guides have examples`() { #expect(Self.all.count > 15) }

    @Test(arguments: all)
    func `A guide shows what the program prints`(_ section: Section) throws {
        let scenario = try Scenario()
        for block in section.blocks {
            if block.kind == "json" {
                try scenario.ingest(block.text)
                continue
            }
            #expect(block.kind == "console")
            var printed: [String] = []
            for command in block.text.split(separator: "\n") where command.hasPrefix("$ meterfold ") {
                let arguments = command.dropFirst("$ meterfold ".count).split(separator: " ").map(String.init)
                let outcome = try scenario.run(arguments)
                scenario.expect(exit: 0, outcome)
                let lines = outcome.output.split(separator: "\n").map { line in
                    String(line.reversed().drop { $0 == " " }.reversed())
                }
                printed.append(([String(command)] + lines).joined(separator: "\n"))
            }
            #expect(printed.joined(separator: "\n\n") == block.text)
        }
        scenario.expect(exit: 0, try scenario.run(["verify"]))
    }
}
