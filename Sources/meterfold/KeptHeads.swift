import MeterModel
import RecordLog
import TamperEvidence

/// Heads that were exported earlier, as files name them.
///
/// Invariant: each is what it was when it was exported as far as its signature says, and signed by the key if one was
/// named.
struct KeptHeads {
    private let documents: [HeadDocument]
    private let files: [HeadDocument: String]
    private let keyIsNamed: Bool

    /// - Parameters:
    ///   - paths: the files of the heads.
    ///   - keyFile: the public key that must have signed them; nil: any, or nobody.
    /// - Throws: `RecordLogError` for what cannot be read, `EvidenceFault` for what does not count.
    init(files paths: [String], keyFile: String?) throws {
        let fileSystem = PosixFileSystem()
        let key = try keyFile.map { try OperatorPublicKey.read(path: $0, fileSystem: fileSystem) }
        var files: [HeadDocument: String] = [:]
        documents = try paths.map { path in
            let document = try HeadDocument(text: WholeFile.read(path, fileSystem: fileSystem), place: path)
            if let key { try document.requireSignature(by: key, place: path) }
            files[document] = path
            return document
        }
        self.files = files
        keyIsNamed = key != nil
    }

    /// Where the log's chain must be known.
    var positions: Set<UInt64> { Set(documents.map(\.head.position)) }

    /// Holds the log against all of them.
    func held(against report: VerificationReport) -> HeldHeads {
        let verdicts = HeadVerdict.verdicts(documents, on: report)
        return HeldHeads(
            verdicts: verdicts.map { (files[$0.document] ?? "", $0) },
            keyIsNamed: keyIsNamed
        )
    }
}

/// What the log said to the heads.
struct HeldHeads {
    let verdicts: [(file: String, verdict: HeadVerdict)]
    let keyIsNamed: Bool

    var areProved: Bool { verdicts.allSatisfy { $0.verdict.outcome == .proved } }

    /// A line for each head.
    var lines: [String] {
        verdicts.map { file, verdict in
            let document = verdict.document
            let signed =
                document.key.map { "signed by \($0)" + (keyIsNamed ? "" : ", a key that was not asked for by --key") }
                ?? "not signed"
            let word = verdict.outcome == .proved ? "proved" : "NOT PROVED"
            return "head \(file) of \(document.at.rfc3339), \(signed): \(word): \(verdict.text)"
        }
    }

    var json: String {
        let objects = verdicts.map { file, verdict in
            var line = JSONLine()
            line.add("file", file)
            line.add("position", raw: String(verdict.document.head.position))
            line.add("at", verdict.document.at.rfc3339)
            line.add("key", verdict.document.key?.description)
            line.add("outcome", verdict.outcome.rawValue)
            if let positions = verdict.positions {
                line.add("firstPosition", raw: String(positions.lowerBound))
                line.add("lastPosition", raw: String(positions.upperBound))
            }
            line.add("text", verdict.text)
            return line.text
        }
        return "[" + objects.joined(separator: ", ") + "]"
    }
}
