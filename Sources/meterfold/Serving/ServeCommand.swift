import ArgumentParser
import Logging

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Takes readings over TCP and HTTP, answers queries, and sends pushes, until SIGTERM.",
        discussion: """
            Prints 'listening tcp=HOST:PORT http=HOST:PORT' when it can accept data. Off loopback it needs TLS and \
            tokens. While it runs, topup, apply, ingest, push and rebuild on the same data directory go through it.

            Settings stand in DIR/meterfold.yaml, the environment goes before the file, flags before both.
            """
    )

    @OptionGroup var location: DataOption
    @Option(
        help: ArgumentHelp("Where lines come in; port 0 picks one. 127.0.0.1:4090 if not said.", valueName: "host:port")
    )
    var tcp: String?
    @Option(
        help: ArgumentHelp("Where HTTP comes in; port 0 picks one. 127.0.0.1:4091 if not said.", valueName: "host:port")
    )
    var http: String?
    @Option(help: ArgumentHelp("The server's certificate, with its chain behind it, as PEM.", valueName: "file"))
    var certificate: String?
    @Option(help: ArgumentHelp("The certificate's key, as PEM.", valueName: "file")) var key: String?
    @Option(
        help: ArgumentHelp("Who signs the clients' certificates, as PEM; clients then need one.", valueName: "file")
    )
    var clientCA: String?
    @Option(
        help: ArgumentHelp(
            "Whether everybody needs a token: on or off; off is the rule on loopback.",
            valueName: "on|off"
        )
    )
    var requireTokens: String?
    @Option(help: ArgumentHelp("Lines for people, or JSON objects: text or json.", valueName: "form")) var logFormat:
        String?
    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel: String?
    @Flag(help: "Prints the settings in force, nothing secret, and ends.") var printConfig = false

    func run() async throws {
        try location.directory.require()
        let configuration = try AppConfiguration.load(location.directory, flags: flags)
        if printConfig {
            for line in configuration.serveLines { Terminal.print(line) }
            return
        }
        let (format, level) = (configuration.serve.logFormat, configuration.serve.logLevel)
        LoggingSystem.bootstrap { StandardErrorLog(label: $0, level: level, format: format) }
        try await Server(location.directory, configuration).run()
    }

    /// What the flags say, by the settings' keys.
    private var flags: [String: String] {
        let said: [(String, String?)] = [
            ("serve.tcp", tcp), ("serve.http", http), ("serve.tls.certificate", certificate), ("serve.tls.key", key),
            ("serve.tls.clientCA", clientCA), ("serve.requireTokens", requireTokens), ("serve.log.format", logFormat),
            ("serve.log.level", logLevel),
        ]
        return Dictionary(uniqueKeysWithValues: said.compactMap { key, value in value.map { (key, $0) } })
    }
}
