import Testing

/// Each rule is shown what it must object to, and what it must let pass.
@Suite("A rule can fail")
struct RuleTests {
    private func file(_ text: String, path: String = "Sources/Billing/Sample.swift") -> SourceFile {
        SourceFile(path: path, text: text)
    }

    @Test("imports: whatever is not in the table")
    func arrows() {
        for line in [
            "import Foundation", "package import GRDB", "@testable import Ingest",
            "@preconcurrency public import ReadModel",
            "import struct Glibc.stat", "private import Crypto",
        ] {
            #expect(ImportRules.arrows(file(line + "\n")).count == 1, "\(line)")
        }
        for line in ["package import MeterModel", "// import Foundation", "let important = 1", "\"import Foundation\""]
        {
            #expect(ImportRules.arrows(file(line + "\n")).isEmpty, "\(line)")
        }
        #expect(ImportRules.arrows(file("import MeterModel\n", path: "Sources/RecordLog/Sample.swift")).count == 1)
        #expect(ImportRules.arrows(file("import MeterModel\n", path: "Sources/Sideways/Sample.swift")).count == 1)
    }

    @Test("cycles: the way back is shown")
    func cycles() {
        #expect(ImportRules.cycle(["A": ["B"], "B": ["C"], "C": ["A", "D"]]) == ["A", "B", "C", "A"])
        #expect(ImportRules.cycle(["A": ["A"]]) == ["A", "A"])
        #expect(ImportRules.cycle(["A": ["B", "C"], "B": ["C"]]) == nil)
        let imports = ImportRules.graph([file("import Left\n"), file("import Right\n", path: "Sources/Left/a.swift")])
        #expect(imports == ["Billing": ["Left"], "Left": ["Right"]])
    }

    @Test("manifest: dependencies are read, of products the name")
    func manifest() {
        let text = """
            let modules = [
                .target(name: "A", swiftSettings: settings),
                .target(name: "B", dependencies: ["A", .product(name: "Crypto", package: "swift-crypto")], x: ["y"]),
                .executableTarget(name: "c", dependencies: ["B"]),
            ]
            let tests = [.testTarget(name: "T", dependencies: ["A"])]
            """
        #expect(ImportRules.declared(inManifest: text) == ["A": [], "B": ["A", "Crypto"], "c": ["B"]])
    }

    @Test("length: a file of 501 lines")
    func length() {
        #expect(TextRules.length(file(String(repeating: "\n", count: 501))).count == 1)
        #expect(TextRules.length(file(String(repeating: "\n", count: 500))).isEmpty)
    }

    @Test("functions: more than 70 lines without a reason")
    func functionLength() {
        func sample(_ head: String, lines: Int) -> SourceFile {
            file("struct S {\n\(head) {\n" + String(repeating: "  f { }\n", count: lines - 2) + "  }\n}\n")
        }
        for head in ["func f()", "package init(a: Int)", "private static func g(\n x: Int\n) throws -> Int"] {
            #expect(DeclarationRules.functionLength(sample(head, lines: 71)).count == 1, "\(head)")
            #expect(DeclarationRules.functionLength(sample("// Long: one table.\n" + head, lines: 71)).isEmpty)
        }
        #expect(DeclarationRules.functionLength(sample("func f()", lines: 70)).isEmpty)
        #expect(DeclarationRules.functionLength(sample("/// Words.\nfunc f()", lines: 71)).count == 1)
        let requirement =
            "protocol P {\n    func f() -> Int\n    var x: Int { get }\n}\n" + String(repeating: "\n", count: 99)
        #expect(DeclarationRules.functionLength(file(requirement)).isEmpty)
    }

    @Test("layout: tabs, wide lines, spaces at the end, no newline")
    func layout() {
        #expect(TextRules.layout(file("let a = 1")).count == 1)
        #expect(TextRules.layout(file("\tlet a = 1\n")).count == 1)
        #expect(TextRules.layout(file("let a = 1 \n")).count == 1)
        #expect(TextRules.layout(file(String(repeating: "a", count: 121) + "\n")).count == 1)
        #expect(TextRules.layout(file(String(repeating: "ä", count: 120) + "\n")).isEmpty)
    }

    @Test("file names: those that say nothing", arguments: ["StringUtils", "TestHelpers", "DeviceManager", "Common"])
    func fileNames(name: String) {
        #expect(TextRules.fileName(file("", path: "Sources/Billing/\(name).swift")).count == 1)
        #expect(TextRules.fileName(file("", path: "Sources/Billing/Ledger.swift")).isEmpty)
    }

    @Test("paths: folders of a machine", arguments: ["home", "Users", "root", "work", "mnt"])
    func machinePaths(folder: String) {
        #expect(TextRules.machinePaths(file("see /" + folder + "/anna/notes\n")).count == 1)
        #expect(TextRules.machinePaths(file("/" + folder + "/anna\n", path: "README.md")).count == 1)
        #expect(TextRules.machinePaths(file("see docs/" + folder + "/notes and $DIR/" + folder + "/x\n")).isEmpty)
    }

    @Test("words: what is unfinished")
    func unfinished() {
        for word in WordRules.unfinished {
            #expect(WordRules.unfinishedWork(file("// \(word): later\n")).count == 1)
            #expect(WordRules.unfinishedWork(file("let my\(word)s = 1\n")).isEmpty)
        }
        #expect(WordRules.unfinishedWork(file("fatalError(\"not " + "implemented yet\")\n")).count == 1)
    }

    @Test("code: what is banned, where it is banned")
    func bannedCode() {
        func count(_ code: String, _ path: String) -> Int { WordRules.bannedCode(file(code + "\n", path: path)).count }
        #expect(count("let x = try" + "! f()", "Tests/BillingTests/A.swift") == 1)
        #expect(count("print" + "(1)", "Sources/Ingest/A.swift") == 1)
        #expect(count("print" + "(1)", "Tests/IngestTests/A.swift") == 1)
        #expect(count("print" + "(1)", "Sources/meterfold/A.swift") == 0)
        #expect(count("footprint" + "(1)", "Sources/Ingest/A.swift") == 0)
        #expect(count("let now = Date" + "()", "Sources/Ingest/A.swift") == 1)
        #expect(count("let now = Date" + ".now", "Sources/meterfold/Ingest.swift") == 1)
        #expect(count("let now = Date" + "()", "Sources/meterfold/SystemClock.swift") == 0)
        #expect(count("var x: Dou" + "ble", "Sources/Billing/A.swift") == 1)
        #expect(count("var x: [Flo" + "at]", "Sources/MeterModel/A.swift") == 1)
        #expect(count("var x: Dou" + "ble", "Sources/Ingest/A.swift") == 0)
        #expect(count("// no Dou" + "ble here, and \"print" + "(\"", "Sources/Billing/A.swift") == 0)
        #expect(count("let s = \"\\\" print" + "(\"", "Sources/Billing/A.swift") == 0)
        #expect(count("/* try" + "! */ let s = \"\"\"\n try" + "!\n \"\"\"", "Sources/Billing/A.swift") == 0)
    }

    @Test("unchecked Sendable: without a reason")
    func safety() {
        let declaration = "final class A: @unchecked " + "Sendable {}\n"
        #expect(WordRules.uncheckedSendable(file(declaration)).count == 1)
        #expect(WordRules.uncheckedSendable(file("/// Words.\n" + declaration)).count == 1)
        #expect(WordRules.uncheckedSendable(file("// Safety: never written after init.\n" + declaration)).isEmpty)
    }

    @Test("documentation: visible types and functions without any")
    func documentation() {
        func count(_ text: String, requirements: Set<String> = []) -> Int {
            DeclarationRules.documentation(file(text), requirements: requirements).count
        }
        #expect(count("package struct A {\n}\n") == 1)
        #expect(count("public final class A {\n}\n") == 1)
        #expect(count("package mutating func f(\n") == 1)
        #expect(count("@inlinable package func f() {\n") == 1)
        #expect(count("/// Words.\n@inlinable\npackage func f() {\n") == 0)
        #expect(count("// Not for the reader of the interface.\npackage func f() {\n") == 1)
        #expect(count("func f() {\nprivate struct A {\npackage var x = 1\n") == 0)
        #expect(count("package static func < (a: A, b: A) -> Bool {\n") == 0)
        #expect(count("package func name() -> String { text }\n") == 0)
        #expect(count("/// Words.\npackage func f(a: Int) {\n}\n\npackage func f(b: Int) {\n}\n") == 0)
        #expect(count("package func rules() {\n", requirements: ["rules"]) == 0)
        let seam = file("protocol P {\n    /// Words.\n    func rules()\n    func bare()\n}\n/// W.\nfunc after() {}\n")
        #expect(DeclarationRules.documentedRequirements([seam]) == ["rules"])
    }
}
