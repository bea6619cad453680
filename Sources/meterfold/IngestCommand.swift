import Admission
import ArgumentParser
import EventStorage
import Ingest
import MeterModel
import Projections
import RecordLog
import Telegrams
import TimeZones

extension InputFormat: ExpressibleByArgument {}
extension Utility: ExpressibleByArgument {
    /// The utility of that name.
    public init?(argument: String) { self.init(name: argument) }

    /// What help says it can be.
    public static var allValueStrings: [String] { allCases.map(\.name) }
}
extension Unit: ExpressibleByArgument {
    /// The unit with that symbol.
    public init?(argument: String) { self.init(symbol: argument) }

    /// What help says it can be.
    public static var allValueStrings: [String] { allCases.map(\.symbol) }
}
extension TimestampPrecision: ExpressibleByArgument {}

/// How inputs are read: flags of `ingest`.
struct InputFlags: ParsableArguments {
    @Option(help: ArgumentHelp("The lines' form; detected if not said.", valueName: "form"))
    var inputFormat: InputFormat?
    @Option(help: ArgumentHelp("The unit of line protocol's timestamps.", valueName: "unit"))
    var precision: TimestampPrecision = .nanoseconds
    @Option(
        help: ArgumentHelp(
            "How other systems' files are read: a YAML file of yours, or \(Profiles.names.joined(separator: ", ")).",
            valueName: "name-or-file"
        )
    )
    var profile: String?
    @Option(help: ArgumentHelp("The device of an input that names none, in place of the profile's.", valueName: "name"))
    var device: String?
    @Option(help: "What lines count that name no register or unit: it supplies those of its kind.")
    var utility: Utility?
    @Option(help: "The unit of values that name none.") var unit: Unit?
    @Option(help: ArgumentHelp("The register of lines that name none.", valueName: "name")) var register: String?

    /// The options for one input; what the flags do not say, the configuration's defaults do.
    func options(_ configuration: AppConfiguration, zones: any ZoneSource) throws -> InputOptions {
        var options = configuration.inputDefaults
        options.format = inputFormat
        options.precision = precision
        options.device = device
        options.utility = utility ?? options.utility
        options.unit = unit ?? options.unit
        options.register = register ?? options.register
        guard let profile else { return options }
        do throws(ProfileError) {
            options.profile = try Profiles.find(profile, zones: zones)
            options.profileIsDefault = false
        } catch {
            throw Failure(error)
        }
        return options
    }
}

struct IngestCommand: AsyncParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case text, json }

    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Takes readings and other events from files or stdin.",
        discussion: """
            NDJSON, InfluxDB line protocol or CSV, plain, gzip or lz4; what is refused goes to DIR/quarantine with the \
            reason, and the rest still goes in: exit code 2 then. What --utility, --unit and --register say goes \
            before ingest.defaults in DIR/meterfold.yaml.

            With --dry-run nothing is written, no lock is taken: it says which days, ledgers, balances, episodes, \
            pushes and anomalies the input would change.
            """
    )

    @OptionGroup var location: DataOption
    @OptionGroup var input: InputFlags
    @Argument(help: "Files in the order given; - or none is stdin.") var files: [String] = []
    @Option(help: "How the summary is printed.") var format: Format = .text
    @Flag(help: "Leaves the views as they are; the next command that reads them folds what is new.") var logOnly = false
    @Flag(help: "Writes nothing and says what would change.") var dryRun = false

    func validate() throws {
        if dryRun, logOnly { throw ValidationError("choose one of --dry-run, --log-only") }
    }

    func run() async throws {
        let start = SystemClock.uptimeSeconds()
        Signals.noteInterrupts()
        if dryRun { return try runDry(start) }
        guard let control = ControlClient(location.directory) else { return try runHere(start) }
        try await RemoteIngest(
            control: control,
            directory: location.directory,
            files: files,
            input: input,
            format: format,
            logOnly: logOnly
        )
        .run(since: start)
    }

    private func runHere(_ start: Double) throws {
        let (options, scope) = try prepare()
        let task: Engine.Task = logOnly ? .logOnly : scope.map { .facts($0) } ?? .anything
        let engine = try Engine(location.directory, for: task)
        let duplicates = engine.projector?.duplicateCount ?? 0
        var appender: AheadAppender?
        let intake = engine.makeIntake(recordedBy: "cli", over: &appender)
        defer { appender?.finish() }
        let progress = IngestProgress("ingesting", files: files)
        var fault: Failure?
        for file in files.isEmpty ? ["-"] : files where fault == nil && !Signals.isInterrupted {
            do {
                try take(file, options, engine.scope, intake, progress)
            } catch let error as InputFault {
                fault = Failure(error)
            } catch let error as Failure {
                fault = error
            }
        }
        try intake.flush()
        progress.finish()
        intake.giveBackMemory()
        appender?.giveBackMemory()
        try engine.settle(intake.admission.directory)
        try engine.keepFold(intake.admission.directory)
        let summary = IngestReport(
            summary: intake.summary,
            duplicates: engine.projector.map { $0.duplicateCount - duplicates },
            durable: engine.writer.head,
            seconds: SystemClock.uptimeSeconds() - start,
            quarantine: intake.quarantinePath
        )
        try engine.close()
        Terminal.print(format == .json ? summary.json : summary.text)
        if let fault { throw fault }
        if Signals.isInterrupted { throw IngestCommand.interruption(engine.writer.head) }
        if intake.summary.rejected > 0 { throw ExitCode(2) }
    }

    /// What is said where somebody ended it before its time.
    static func interruption(_ durable: Position) -> Failure {
        Failure(
            place: "ingest",
            cause: "interrupted; everything up to position \(durable.rawValue) is durable",
            hint: "give the same input again: what is in counts as duplicate"
        )
    }

    private func runDry(_ start: Double) throws {
        let (options, scope) = try prepare()
        let dryRun = try DryRun(location.directory, scope: scope)
        let progress = IngestProgress("reading", files: files)
        for file in files.isEmpty ? ["-"] : files {
            do { try take(file, options, dryRun.scope, dryRun.intake, progress) } catch let error as InputFault {
                throw Failure(error)
            }
        }
        try dryRun.intake.flush()
        progress.finish()
        if Signals.isInterrupted {
            throw Failure(place: "ingest", cause: "interrupted", hint: "nothing was written")
        }
        let report = try dryRun.finish(seconds: SystemClock.uptimeSeconds() - start)
        Terminal.print(format == .json ? report.json : report.text)
        if dryRun.intake.summary.rejected > 0 { throw ExitCode(2) }
    }

    /// How the input is read, and the devices it is about if they are few.
    private func prepare() throws -> (InputOptions, DeviceScope?) {
        let directory = location.directory
        try directory.require()
        let options = try input.options(AppConfiguration.load(directory), zones: FoundationZoneSource())
        let scope = logOnly ? nil : try InputSurvey.scope(of: files, into: directory, options)
        if Signals.isInterrupted {
            throw Failure(place: "ingest", cause: "interrupted", hint: "nothing was written")
        }
        return (options, scope)
    }

    private func take(
        _ file: String,
        _ options: InputOptions,
        _ scope: DeviceScope?,
        _ intake: Intake,
        _ progress: IngestProgress
    ) throws {
        let source = try InputSource(path: file, isInterrupted: { Signals.isInterrupted })
        let reader = AheadReader.start(source, options: options)
        defer { reader.abandon() }
        let defaults = options.admissionDefaults
        var batch = DecodedBatch()
        var scoped = ScopedInput(scope: scope)
        intake.beginInput()
        do {
            while !Signals.isInterrupted, try reader.next(into: &batch) {
                guard scope == nil || scoped.holds(batch, reader.names) else {
                    throw Failure(
                        place: file,
                        cause: "it changed while it was read: it names a device that it did not name at first",
                        hint: "give it again: what is in counts as duplicate"
                    )
                }
                try reader.withChunk { chunk in
                    try intake.take(batch, chunk: chunk, names: reader.names, defaults: defaults, source: source.name)
                }
                progress.advance(lineCount: reader.lineCount, byteCount: reader.readByteCount)
                if reader.mayWait { try intake.flush() }
            }
        } catch InputFault.interrupted {
            // What was read before is kept; the unfinished line is not.
        }
        progress.endFile(lineCount: reader.lineCount, byteCount: reader.readByteCount)
    }
}

extension Failure {
    init(_ error: ProfileError) {
        self.init(
            place: error.source,
            cause: error.line.map { "line \($0): \(error.text)" } ?? error.text,
            hint: "shipped profiles: \(Profiles.names.joined(separator: ", "))"
        )
    }

    init(_ fault: InputFault) {
        switch fault {
        case .unreadable(let source, let reason):
            self.init(place: source, cause: reason, hint: "what was read before is in the log")
        case .unknownFormat(let source):
            self.init(
                place: source,
                cause: InputFault.unknownFormatText,
                hint: "say --input-format or --profile"
            )
        case .damaged(let refusal): self.init(place: "input", cause: refusal.text, hint: "")
        case .interrupted: self.init(place: "input", cause: "interrupted", hint: "")
        }
    }
}
