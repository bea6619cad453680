/// The arrows of the architecture: who may import whom.
enum ImportRules {
    /// Modules of this package and of others that each module may import: the manifest's dependencies.
    static let dependencies: [String: Set<String>] = [
        "MeterModel": [],
        "Threading": [],
        "TimeZones": ["MeterModel"],
        "RecordLog": ["CLZ4", "CCRC32C", "Crypto"],
        "EventStorage": ["MeterModel", "Threading", "RecordLog", "Crypto"],
        "TamperEvidence": ["MeterModel", "RecordLog", "Telegrams", "Crypto"],
        "Backups": ["MeterModel", "RecordLog", "EventStorage", "TamperEvidence"],
        "Telegrams": ["MeterModel"],
        "Admission": ["MeterModel"],
        "Billing": ["MeterModel"],
        "ReadModel": ["MeterModel", "Threading", "CSQLite", "CSteadyVFS", "GRDB", "GRDBSQLite"],
        "Projections": [
            "MeterModel", "Threading", "RecordLog", "EventStorage", "Billing", "ReadModel", "CCRC32C", "CPrefetch",
        ],
        "Ingest": [
            "MeterModel", "Threading", "Telegrams", "Access", "Admission", "EventStorage", "CLZ4", "CZlib", "Yams",
        ],
        "FleetSimulator": ["MeterModel"],
        "Access": ["MeterModel", "Crypto"],
        "Notifications": ["MeterModel", "AsyncHTTPClient", "Crypto", "Logging", "NIOCore", "NIOHTTP1"],
        "QueryAPI": [
            "MeterModel", "ReadModel", "Access", "Hummingbird", "HummingbirdTLS", "HummingbirdCore", "HTTPTypes",
            "Logging", "NIOCore", "NIOHTTP1", "NIOHTTPTypes", "NIOPosix", "NIOSSL", "ServiceLifecycle",
        ],
        "Listening": ["MeterModel", "Access", "Ingest", "Logging", "NIOCore", "NIOPosix", "NIOSSL", "NIOTLS"],
        "meterfold": [
            "MeterModel", "Threading", "TimeZones", "Yams", "RecordLog", "EventStorage", "Telegrams", "Admission",
            "Billing",
            "ReadModel",
            "Projections", "Ingest", "FleetSimulator", "Access", "Notifications", "QueryAPI", "Listening",
            "TamperEvidence", "Backups",
            "ArgumentParser", "AsyncHTTPClient", "Configuration", "Logging", "NIOCore", "NIOHTTP1", "NIOPosix",
            "NIOSSL", "ServiceLifecycle", "UnixSignals",
        ],
    ]

    /// What comes with the toolchain or with a dependency, where it may be used. Who is not named here is pure: it has
    /// no files, no clock and no locks.
    static let system: [String: Set<String>] = [
        "Threading": ["Foundation", "Dispatch"],
        "TimeZones": ["Foundation", "Synchronization"],
        "RecordLog": ["Foundation", "Glibc", "Dispatch", "Synchronization"],
        "EventStorage": ["Foundation", "Glibc", "Dispatch", "Synchronization"],
        "TamperEvidence": ["Foundation"],
        "Backups": ["Foundation"],
        "ReadModel": ["Foundation", "Dispatch", "Synchronization"],
        "Projections": ["Foundation", "Dispatch", "Synchronization"],
        "Ingest": ["Foundation", "Glibc", "Dispatch", "Synchronization"],
        "Access": ["Foundation", "Glibc", "Synchronization"],
        "Notifications": ["Foundation", "Glibc", "Synchronization"],
        "QueryAPI": ["Foundation", "Glibc", "Synchronization"],
        "Listening": ["Foundation", "Glibc", "Dispatch", "Synchronization"],
        "meterfold": ["Foundation", "Glibc", "Dispatch", "Synchronization"],
    ]

    /// The module that a line of code imports.
    static func importedModule(_ line: String) -> String? {
        let words = line.split(separator: " ").filter { !$0.hasPrefix("@") }
        guard let at = words.firstIndex(of: "import"), at <= 1, at + 1 < words.count else { return nil }
        if at == 1, !["package", "public", "internal", "private", "fileprivate"].contains(words[0]) { return nil }
        let kinds: Set<Substring> = ["struct", "class", "enum", "func", "var", "let", "typealias", "protocol"]
        let name = kinds.contains(words[at + 1]) && at + 2 < words.count ? words[at + 2] : words[at + 1]
        return name.split(separator: ".").first.map(String.init)
    }

    static func arrows(_ file: SourceFile) -> [Finding] {
        guard file.isSource, file.isSwift else { return [] }
        guard let allowed = dependencies[file.target] else {
            return [Finding(path: file.path, line: 1, text: "module \(file.target) is not in the table of arrows")]
        }
        return file.code.enumerated().compactMap { i, line in
            guard let module = importedModule(line), !allowed.contains(module),
                !system[file.target, default: []].contains(module)
            else { return nil }
            return Finding(path: file.path, line: i + 1, text: "\(file.target) may not import \(module)")
        }
    }

    /// Which modules each module imports in fact.
    static func graph(_ files: [SourceFile]) -> [String: Set<String>] {
        var graph: [String: Set<String>] = [:]
        for file in files where file.isSource && file.isSwift {
            graph[file.target, default: []].formUnion(file.code.compactMap(importedModule))
        }
        return graph
    }

    /// A way from a module back to itself, if there is one.
    static func cycle(_ graph: [String: Set<String>]) -> [String]? {
        var finished: Set<String> = []
        func visit(_ module: String, _ way: [String]) -> [String]? {
            if let at = way.firstIndex(of: module) { return Array(way[at...]) + [module] }
            if finished.contains(module) { return nil }
            for next in graph[module, default: []].sorted() {
                if let found = visit(next, way + [module]) { return found }
            }
            finished.insert(module)
            return nil
        }
        for module in graph.keys.sorted() {
            if let found = visit(module, []) { return found }
        }
        return nil
    }

    /// The dependencies that a manifest declares for its targets that are no tests, by name.
    static func declared(inManifest text: String) -> [String: Set<String>] {
        var result: [String: Set<String>] = [:]
        let beforeTests = text.prefix(upTo: text.firstRange(of: "let tests")?.lowerBound ?? text.endIndex)
        let starts = [".target(", ".executableTarget("].flatMap { beforeTests.ranges(of: $0) }.sorted {
            $0.lowerBound < $1.lowerBound
        }
        for start in starts {
            let body = balanced(beforeTests[start.upperBound...])
            guard let name = quoted(body).first else { continue }
            guard let at = body.firstRange(of: "dependencies: [") else {
                result[name] = []
                continue
            }
            var list = String(balanced(body[at.upperBound...]))
            // Of a product its name counts, not its package's.
            while let package = list.firstRange(of: "package: \"") {
                let end = list[package.upperBound...].firstIndex(of: "\"") ?? list.index(before: list.endIndex)
                list.removeSubrange(package.lowerBound...end)
            }
            result[name] = Set(quoted(Substring(list)))
        }
        return result
    }

    /// The text up to the bracket that closes what has been opened before it.
    private static func balanced(_ text: Substring) -> Substring {
        var depth = 1
        for i in text.indices {
            if "([".contains(text[i]) { depth += 1 }
            if ")]".contains(text[i]) { depth -= 1 }
            if depth == 0 { return text[..<i] }
        }
        return text
    }

    private static func quoted(_ text: Substring) -> [String] {
        let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
        return parts.indices.filter { $0 % 2 == 1 }.map { String(parts[$0]) }
    }
}
