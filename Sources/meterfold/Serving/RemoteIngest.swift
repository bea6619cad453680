import ArgumentParser
import EventStorage
import Ingest
import MeterModel
import Telegrams
import TimeZones

/// An `ingest` beside a server: the inputs go to it one by one, and what it did is told as if we had done it.
struct RemoteIngest {
    let control: ControlClient
    let directory: DataDirectory
    let files: [String]
    let input: InputFlags
    let format: IngestCommand.Format
    let logOnly: Bool

    /// - Throws: `Failure` and `ExitCode`, as an ingest without a server does.
    func run(since start: Double) async throws {
        let (words, profile) = try input.words()
        let progress = IngestProgress("ingesting", files: files)
        var report = IngestReport(
            summary: IntakeSummary(),
            duplicates: logOnly ? nil : 0,
            durable: .origin,
            seconds: 0,
            quarantine: nil
        )
        var failure: String?
        for file in files.isEmpty ? ["-"] : files where failure == nil && !Signals.isInterrupted {
            do {
                let done = try await control.ingest(file, words, profile: profile, logOnly: logOnly, progress)
                done.answer?.add(to: &report, directory)
                failure = done.failure
                if let damage = done.damage { try keep(damage, of: file, &report) }
            } catch let error as Failure {
                failure = error.description + "\n"
            }
        }
        progress.finish()
        // Nothing was said of it where not one input could be read.
        if report.durable == .origin { report.durable = try EventLogReader(directory: directory.path).lastPosition() }
        report.seconds = SystemClock.uptimeSeconds() - start
        Terminal.print(format == .json ? report.json : report.text)
        if let failure {
            Terminal.write(errorText: failure)
            throw ExitCode(1)
        }
        if Signals.isInterrupted { throw IngestCommand.interruption(report.durable) }
        if report.summary.rejected > 0 { throw ExitCode(2) }
    }
}

extension RemoteIngest {
    /// Keeps what lies before the damage of a compressed input, which the server cannot see.
    private func keep(_ damage: SourceBytes.Damage, of file: String, _ report: inout IngestReport) throws {
        let quarantine = Quarantine(directory: directory.quarantine, startedAt: SystemClock().now())
        try damage.raw.withUnsafeBytes {
            try quarantine.add(source: file, line: damage.line, refusal: damage.refusal, raw: $0)
        }
        try quarantine.sync()
        report.summary.reasons[damage.refusal.code, default: 0] += 1
        report.quarantine = report.quarantine ?? quarantine.path
    }
}

extension InputFlags {
    /// The flags as words for a server, and the YAML of a profile that does not come with the program.
    fileprivate func words() throws -> (words: [(String, String)], profile: [UInt8]?) {
        var words: [(String, String)] = [("precision", precision.rawValue)]
        let said: [(String, String?)] = [
            ("format", inputFormat?.rawValue), ("device", device), ("utility", utility?.name), ("unit", unit?.symbol),
            ("register", register), ("profile", profile),
        ]
        for (name, value) in said { if let value { words.append((name, value)) } }
        guard let profile, !Profiles.names.contains(profile) else { return (words, nil) }
        do throws(ProfileError) {
            // What is wrong with it is told here, with its line.
            _ = try Profiles.load(file: profile, zones: FoundationZoneSource())
            return (words, try Profiles.bytes(ofFile: profile))
        } catch {
            throw Failure(error)
        }
    }
}
