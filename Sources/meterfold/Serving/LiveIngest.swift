import Access
import Ingest
import MeterModel
import NIOCore
import Projections
import QueryAPI

/// Takes one input of an `ingest` that another process of this machine hands over, and answers with what it did.
struct LiveIngest {
    let core: LiveCore

    /// - Parameters:
    ///   - arguments: how it is read, by the names of `InputOptions.wordNames`; `source` names it; `profileBytes` says
    ///     how many bytes at the body's beginning are a profile's YAML; with `logOnly` the views are not waited for.
    ///   - body: its bytes.
    ///   - console: is told an `IngestAnswer`.
    /// - Returns: the exit code.
    /// - Throws: `Failure` for what keeps it from being read; the console then knows what came in before.
    func run(_ arguments: [String: [String]], _ body: BodyBytes, _ console: any Console) async throws -> Int32 {
        let start = SystemClock.uptimeSeconds()
        let waits = arguments["logOnly"] == nil
        let duplicates = try await core.projector.perform { projector, _ in projector.duplicateCount }
        var pieces = body.makeAsyncIterator()
        var (head, rest) = try await LiveIngest.profile(arguments, &pieces)
        let terms = try terms(arguments, profile: head)
        head = []
        let session = BodySession(core.intake, terms: terms, principal: LiveControl.principal)
        var isWhole = true
        do {
            var piece: [UInt8]? = rest
            rest = []
            while let bytes = piece {
                if !bytes.isEmpty, await !session.take(bytes) { break }
                piece = try await pieces.next().map { Array($0.readableBytesView) }
            }
        } catch {
            isWhole = false
        }
        let (sent, fault) = await session.finish(isWhole: isWhole)
        let summary = sent.taken
        if waits, let last = summary.lastPosition {
            _ = await core.projector.wait(for: last, within: LiveStage.viewsWait)
        }
        let after = try await core.projector.perform { projector, _ in projector.duplicateCount }
        let report = IngestReport(
            summary: summary,
            duplicates: waits ? after - duplicates : nil,
            durable: core.intake.durablePosition,
            seconds: SystemClock.uptimeSeconds() - start,
            quarantine: summary.rejected > 0 ? try await core.intake.perform { $0.quarantinePath } : nil
        )
        console.print(IngestAnswer(report).text)
        if let fault, fault.code != .unreadableInput || summary.rejected == 0 {
            let isUnknown = fault.code == .unreadableInput
            throw Failure(
                place: terms.source,
                cause: fault.text,
                hint: isUnknown ? "say --input-format or --profile" : "what was read before is in the log"
            )
        }
        return summary.rejected > 0 ? 2 : 0
    }

    /// Reads the profile's bytes off the body.
    ///
    /// - Returns: these, and what came with them of the input.
    private static func profile(
        _ arguments: [String: [String]],
        _ pieces: inout BodyBytes.Iterator
    ) async throws -> (profile: [UInt8], rest: [UInt8]) {
        let count = arguments.one("profileBytes").flatMap { Int($0) } ?? 0
        guard (0...Profiles.maximumByteCount).contains(count) else {
            throw Failure(place: "profile", cause: "is larger than \(Profiles.maximumByteCount) bytes", hint: "")
        }
        var bytes: [UInt8] = []
        while bytes.count < count, let piece = try await pieces.next() {
            bytes.append(contentsOf: piece.readableBytesView)
        }
        return (Array(bytes.prefix(count)), Array(bytes.dropFirst(count)))
    }

    private func terms(_ arguments: [String: [String]], profile yaml: [UInt8]) throws -> SessionTerms {
        var options = core.configuration.inputDefaults
        do throws(ParameterFault) {
            try options.apply(arguments.compactMapValues(\.first)) { name throws(ProfileError) in
                if yaml.isEmpty { return try Profiles.named(name, zones: core.zones) }
                return try Profiles.parse(String(decoding: yaml, as: UTF8.self), source: name, zones: core.zones)
            }
        } catch {
            throw Failure(place: error.name, cause: error.text, hint: "see 'meterfold ingest --help'")
        }
        return SessionTerms(
            source: arguments.one("source") ?? "-",
            options: options,
            access: OpenAccess(as: LiveControl.principal),
            takesGreeting: false,
            keepsRefused: true,
            profile: core.profile
        )
    }
}
