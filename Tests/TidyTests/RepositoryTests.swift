import Foundation
import Testing

@Suite("The repository")
struct RepositoryTests {
    private func expectNone(_ findings: [Finding]) {
        #expect(findings.isEmpty, "\(findings.map(\.description).joined(separator: "\n"))")
    }

    @Test("is found")
    func found() {
        #expect(Repository.swiftFiles.contains { $0.path == "Package.swift" })
        #expect(Repository.swiftFiles.contains { $0.path == "Sources/MeterModel/Instant.swift" })
        #expect(Repository.writtenFiles.contains { $0.path == "README.md" })
    }

    @Test("keeps the arrows between its modules")
    func arrows() throws {
        expectNone(Repository.swiftFiles.flatMap(ImportRules.arrows))
        #expect(ImportRules.cycle(ImportRules.graph(Repository.swiftFiles)) == nil)
        #expect(ImportRules.cycle(ImportRules.dependencies) == nil)
    }

    @Test("keeps the words of the domain and the decoders pure, and the log ignorant of meters")
    func purity() {
        let imports = ImportRules.graph(Repository.swiftFiles)
        #expect(imports["MeterModel", default: ["?"]].isEmpty)
        #expect(imports["Telegrams", default: []].subtracting(["MeterModel"]).isEmpty)
        #expect(!imports["RecordLog", default: []].contains("MeterModel"))
        for pure in ["Admission", "Billing", "FleetSimulator", "MeterModel", "Telegrams"] {
            #expect(ImportRules.system[pure] == nil)
        }
    }

    @Test("declares in its manifest the arrows that the table allows")
    func manifest() throws {
        var declared = ImportRules.declared(inManifest: try Repository.text("Package.swift"))
        for name in ["CCRC32C", "CPrefetch", "CSteadyVFS"] { declared[name] = nil }  // written in C
        #expect(declared == ImportRules.dependencies)
    }

    @Test("splits files by topic before they outgrow a sitting")
    func lengths() { expectNone(Repository.swiftFiles.flatMap(TextRules.length)) }

    @Test("explains every long function")
    func functionLengths() { expectNone(Repository.swiftFiles.flatMap(DeclarationRules.functionLength)) }

    @Test("is laid out alike everywhere")
    func layout() { expectNone(Repository.writtenFiles.flatMap(TextRules.layout)) }

    @Test("names files by their topic")
    func fileNames() { expectNone(Repository.swiftFiles.flatMap(TextRules.fileName)) }

    @Test("knows no one's machine")
    func machinePaths() { expectNone(Repository.writtenFiles.flatMap(TextRules.machinePaths)) }

    @Test("leaves nothing half-done")
    func unfinished() { expectNone(Repository.writtenFiles.flatMap(WordRules.unfinishedWork)) }

    @Test("does not use what is banned")
    func bannedCode() { expectNone(Repository.swiftFiles.flatMap(WordRules.bannedCode)) }

    @Test("says why what is unchecked is safe")
    func safety() { expectNone(Repository.swiftFiles.flatMap(WordRules.uncheckedSendable)) }

    @Test("documents what modules show each other")
    func documentation() {
        let sources = Repository.swiftFiles.filter(\.isSource)
        let requirements = DeclarationRules.documentedRequirements(sources)
        expectNone(sources.flatMap { DeclarationRules.documentation($0, requirements: requirements) })
    }

    @Test("tells newcomers its two commands, and they run", arguments: ["scripts/quickstart", "scripts/test"])
    func doors(script: String) throws {
        #expect(try Repository.text("README.md").contains(script))
        #expect(FileManager.default.isExecutableFile(atPath: Repository.root.appendingPathComponent(script).path))
    }
}
