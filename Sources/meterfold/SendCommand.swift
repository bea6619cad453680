import ArgumentParser
import Glibc
import Ingest
import Listening
import MeterModel
import NIOCore
import Telegrams

extension LineClientAddress: ExpressibleByArgument {
    /// The address that `HOST:PORT` means.
    public init?(argument: String) { self.init(argument) }
}

/// What a connection says of itself in its first line: flags of `send`.
struct SendFlags: ParsableArguments {
    @Option(help: ArgumentHelp("The lines' form; detected if not said.", valueName: "form"))
    var inputFormat: InputFormat?
    @Option(help: ArgumentHelp("The unit of line protocol's timestamps.", valueName: "unit"))
    var precision: TimestampPrecision?
    @Option(help: ArgumentHelp("A profile that the receiver has, by name.", valueName: "name")) var profile: String?
    @Option(help: "What lines count that name no register or unit.") var utility: Utility?
    @Option(help: "The unit of values that name none.") var unit: Unit?
    @Option(help: ArgumentHelp("The register of lines that name none.", valueName: "name")) var register: String?
    @Option(help: ArgumentHelp("Better in METERFOLD_TOKEN or a file: others see arguments.", valueName: "token"))
    var token: String?
    @Option(help: ArgumentHelp("A file that holds the token.", valueName: "file")) var tokenFile: String?
    @Flag(help: "Encrypts, and checks the receiver's certificate.") var tls = false
    @Option(help: ArgumentHelp("Whom to trust (PEM) in place of the system's authorities.", valueName: "file"))
    var ca: String?
    @Option(help: ArgumentHelp("Who we are (PEM), with --key.", valueName: "file")) var cert: String?
    @Option(help: ArgumentHelp("The key of --cert (PEM).", valueName: "file")) var key: String?
    @Option(help: ArgumentHelp("The name in the receiver's certificate, if not the host.", valueName: "name"))
    var serverName: String?
    @Flag(help: "Sends and forgets: nothing is known of what arrives.") var noAck = false
    @Option(help: ArgumentHelp("How long to try again while nothing gets through.", valueName: "seconds"))
    var retryFor = 60

    func validate() throws {
        if token != nil, tokenFile != nil { throw ValidationError("choose one of --token, --token-file") }
        if !tls, ca != nil || cert != nil || key != nil || serverName != nil {
            throw ValidationError("--ca, --cert, --key and --server-name need --tls")
        }
        if (cert == nil) != (key == nil) { throw ValidationError("--cert and --key go together") }
        // It would not be checked: a certificate is held against the address connected to.
        if let serverName, serverName.contains(":") || serverName.allSatisfy({ $0.isNumber || $0 == "." }) {
            throw ValidationError("--server-name takes a name, not an address")
        }
        guard (0...86_400 * 30).contains(retryFor) else { throw ValidationError("--retry-for takes 0 to 2592000") }
    }

    /// What a client needs, but for the lines that head each connection.
    func options(_ address: LineClientAddress) throws -> LineClientOptions {
        var options = LineClientOptions(address: address)
        let keys: [(String, String?)] = [
            ("token", try bearerToken()), ("format", inputFormat?.rawValue), ("precision", precision?.rawValue),
            ("profile", profile), ("utility", utility?.name), ("unit", unit?.symbol), ("register", register),
        ]
        options.keys = keys.compactMap { name, value in value.map { (name, $0) } }
        options.isAcknowledged = !noAck
        options.retryFor = .seconds(Int64(retryFor))
        if tls { options.tls = LineClientTLS(authorities: ca, certificate: cert, key: key, serverName: serverName) }
        return options
    }

    private func bearerToken() throws -> String? {
        if let token { return token }
        guard let tokenFile else { return getenv("METERFOLD_TOKEN").map { String(cString: $0) } }
        let text: String
        do throws(InputFault) {
            let source = try InputSource(path: tokenFile)
            var bytes = [UInt8](repeating: 0, count: 4096)
            text = String(decoding: bytes[..<(try source.readChunk(&bytes))], as: UTF8.self)
        } catch {
            throw Failure(error)
        }
        let token = text.split(whereSeparator: \.isWhitespace).first.map(String.init)
        guard let token else { throw Failure(place: tokenFile, cause: "holds no token", hint: "one line, the token") }
        return token
    }
}

struct SendCommand: ParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument { case text, json }

    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Streams readings to a meterfold that serves, and resumes after a loss.",
        discussion: """
            Each line is held until the receiver has acknowledged it as durable; after a loss sending goes on behind \
            the last acknowledged line. The header of CSV goes ahead of the rest again. Refused lines are told with \
            their number in the input: exit code 2 then. Interrupted, it says up to which line all is durable.
            """
    )

    @Argument(help: ArgumentHelp("The receiver's TCP address.", valueName: "host:port")) var address: LineClientAddress
    @Argument(help: "Plain, gzip or lz4; - or none is stdin.") var file = "-"
    @OptionGroup var flags: SendFlags
    @OptionGroup var load: SendLoadFlags
    @Option(help: "How the summary is printed.") var format: Format = .text

    func run() throws {
        let start = SystemClock.uptimeSeconds()
        Signals.noteInterrupts()
        var options = try flags.options(address)
        // A read that waits for input ends once sending is over.
        var clients: [LineClient] = []
        let input = SendInput(try openSource { Signals.isInterrupted || clients.contains { $0.isOver } })
        do {
            options.headLineCount = try input.headLineCount(flags)
        } catch InputFault.interrupted {
            throw interrupted(SendStatus())
        } catch let fault as InputFault {
            throw Failure(fault)
        }
        let printer = RefusalPrinter(input: file)
        clients = try (0..<load.connections).map { _ in
            do throws(SendFault) { return try LineClient(options, observe: { printer.note($0) }) } catch {
                throw sendFailure(error, nil)
            }
        }
        let feeder = SendLoad(clients, options: options, load: load)
        let progress = IngestProgress("sending", files: [file])
        let show = { (status: SendStatus) in
            progress.advance(lineCount: status.lineCount, byteCount: input.readByteCount)
        }
        var fault: (any Error)?
        do { try feeder.send(input, show) } catch { fault = error }
        progress.finish()
        let report = SendReport(
            status: feeder.status,
            isAcknowledged: options.isAcknowledged,
            tellsLatency: load.latency,
            seconds: SystemClock.uptimeSeconds() - start
        )
        printer.finish()
        Terminal.print(format == .json ? report.json : report.text)
        if let fault = fault as? SendFault, fault != .notDrained || !Signals.isInterrupted {
            throw sendFailure(fault, report.status)
        }
        if Signals.isInterrupted { throw interrupted(report.status) }
        if let fault = fault as? InputFault { throw Failure(fault) }
        if let fault { throw fault }
        if report.status.refusedCount > 0 { throw ExitCode(2) }
    }

    private func openSource(_ isInterrupted: @escaping () -> Bool) throws -> InputSource {
        do throws(InputFault) {
            return try InputSource(path: file, isInterrupted: isInterrupted)
        } catch {
            throw Failure(error)
        }
    }

    /// Where sending can be taken up again, in words.
    private func extent(_ status: SendStatus) -> String {
        guard !flags.noAck else { return "written up to line \(status.ackedLine), without acknowledgement" }
        guard load.connections == 1 else { return "not all lines are durable" }
        return "durable or refused up to line \(status.ackedLine)"
    }

    private func interrupted(_ status: SendStatus) -> Failure {
        Failure(
            place: file,
            cause: "interrupted; \(extent(status))",
            hint: "send the same input again: what is in counts as duplicate"
        )
    }

    private func sendFailure(_ fault: SendFault, _ status: SendStatus?) -> Failure {
        let extent = status.map { "; \(self.extent($0))" } ?? ""
        let place = address.description
        switch fault {
        case .badTLS(let text):
            return Failure(
                place: place,
                cause: "TLS: \(text)\(extent)",
                hint: "check --ca, --cert, --key, --server-name"
            )
        case .unreachable(let reason):
            return Failure(
                place: place,
                cause: "nothing gets through: \(reason)\(extent)",
                hint: "is 'meterfold serve' running there? --retry-for tries longer"
            )
        case .rejected(let code, let text):
            return Failure(
                place: place,
                cause: "\(code): \(text)\(extent)",
                hint: "check the token and the flags that describe the lines"
            )
        case .notUnderstood(let text):
            return Failure(place: place, cause: "\(text)\(extent)", hint: "is this the TCP port of 'meterfold serve'?")
        case .notDrained:
            return Failure(
                place: place,
                cause: "no acknowledgement in time\(extent)",
                hint: "send the same input again"
            )
        }
    }
}
