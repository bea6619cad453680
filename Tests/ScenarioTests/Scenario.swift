import Foundation
import Glibc
import Testing

/// A folder of its own with a data directory, and the built program to work on it.
///
/// Segments are small unless a scenario says otherwise, to keep the folder small.
final class Scenario {
    let folder: String
    let data: String
    var environment = ["METERFOLD_LOG_SEGMENT_BYTES": "1048576"]

    /// The program beside the test bundle.
    static let binary: String = {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("meterfold").path
    }()

    init(initialised: Bool = true) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("scenario-\(UUID().uuidString)").path
        data = folder + "/data"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if initialised { try expect(exit: 0, run(["init"])) }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    // MARK: Running

    /// Runs a command on the data directory to its end.
    @discardableResult
    func run(_ arguments: [String], input: Child.Input = .nothing) throws -> Outcome {
        try start(arguments, input: input).wait()
    }

    /// Runs a command that reads a text from its standard input.
    @discardableResult
    func run(_ arguments: [String], reading text: String) throws -> Outcome {
        try run(arguments, reading: Array(text.utf8))
    }

    @discardableResult
    func run(_ arguments: [String], reading bytes: [UInt8]) throws -> Outcome {
        try run(arguments, input: .file(try file("stdin-\(UUID().uuidString)", bytes)))
    }

    /// Starts a command on the data directory.
    func start(_ arguments: [String], input: Child.Input = .nothing, readsOutput: Bool = false) throws -> Child {
        try Child(
            [Scenario.binary] + arguments + ["--data", data],
            input: input,
            folder: folder,
            environment: environment,
            readsOutput: readsOutput
        )
    }

    /// Runs a command that needs no data directory.
    func runAlone(_ arguments: [String]) throws -> Outcome {
        try Child([Scenario.binary] + arguments, input: .nothing, folder: folder, environment: environment).wait()
    }

    /// Runs another program, such as `sqlite3`; nil where it is not installed.
    func runOther(_ arguments: [String], input: Child.Input = .nothing) throws -> Outcome? {
        guard let path = Scenario.path(of: arguments[0]) else { return nil }
        return try Child([path] + arguments.dropFirst(), input: input, folder: folder).wait()
    }

    /// Where a program of the system is; nil with a notice where it is not installed.
    static func path(of program: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        let found = folders.map { "\($0)/\(program)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
        if found == nil { notice("skipped: \(program) is not installed") }
        return found
    }

    // MARK: Ingest

    /// Ingests a text and returns the summary, of which the exit code is checked too.
    @discardableResult
    func ingest(
        _ text: String,
        _ arguments: [String] = [],
        exit: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Row {
        try ingest(Array(text.utf8), arguments, exit: exit, sourceLocation: sourceLocation)
    }

    @discardableResult
    func ingest(
        _ bytes: [UInt8],
        _ arguments: [String] = [],
        exit: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Row {
        let outcome = try run(["ingest", "-", "--format", "json"] + arguments, reading: bytes)
        return try summary(outcome, exit: exit, sourceLocation)
    }

    @discardableResult
    func ingest(
        files: [String],
        _ arguments: [String] = [],
        exit: Int32 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Row {
        try summary(run(["ingest", "--format", "json"] + arguments + files), exit: exit, sourceLocation)
    }

    private func summary(_ outcome: Outcome, exit: Int32, _ sourceLocation: SourceLocation) throws -> Row {
        expect(exit: exit, outcome, sourceLocation: sourceLocation)
        let line = try #require(outcome.outputLines.first, "\(outcome.errors)", sourceLocation: sourceLocation)
        return try Row(line)
    }

    func expect(exit: Int32, _ outcome: Outcome, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(
            outcome.exitCode == exit,
            "\(outcome.errors)\(outcome.output.suffix(2000))",
            sourceLocation: sourceLocation
        )
    }

    // MARK: Reading

    /// The rows that a query prints.
    func query(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws -> [Row] {
        let outcome = try run(["query"] + arguments + ["--format", "ndjson"])
        expect(exit: 0, outcome, sourceLocation: sourceLocation)
        return try outcome.outputLines.map { try Row($0) }
    }

    /// The events that `replay` prints, as lines.
    func replay(_ arguments: String...) throws -> [String] {
        let outcome = try run(["replay"] + arguments)
        expect(exit: 0, outcome)
        return outcome.outputLines
    }

    /// The objects in all quarantine files, by file.
    func quarantined() throws -> [Row] {
        let directory = data + "/quarantine"
        return try FileManager.default.contentsOfDirectory(atPath: directory).sorted().flatMap { name in
            let text = try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)
            return try text.split(separator: "\n").map { try Row(String($0)) }
        }
    }

    // MARK: Files

    /// Writes a file into the scenario's folder and returns its path.
    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        let path = "\(folder)/\(name)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    func file(_ name: String, _ text: String) throws -> String { try file(name, Array(text.utf8)) }

    /// One whose log has several sealed segments, of the smallest size, and one in use.
    static func withSealedSegments() throws -> Scenario {
        let scenario = try Scenario()
        scenario.environment["METERFOLD_LOG_SEGMENT_BYTES"] = "65536"
        try scenario.ingest(Fleets.large.get().joined(separator: "\n"))
        return scenario
    }

    /// The segments of the log, in order.
    func segments() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: data + "/log").sorted().map { "\(data)/log/\($0)" }
    }

    static func bytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }
}

/// Tells a person what a run of the tests leaves out.
func notice(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }
