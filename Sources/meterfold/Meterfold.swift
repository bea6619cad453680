import ArgumentParser

@main
struct Meterfold: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meterfold",
        abstract: "Event-sourced metering and prepaid billing: readings in, exact balances and pushes out.",
        discussion: """
            Every accepted fact goes into an append-only log; consumption, balances and arrears are folded from it \
            into DIR/views.sqlite, which other tools may read at any time. DIR is the data directory.

            A day's work: init once, apply a fleet file, ingest readings, topup, query.
            """,
        version: "0.1.0",
        subcommands: [
            InitCommand.self, ApplyCommand.self, IngestCommand.self, TopUpCommand.self, QueryCommand.self,
            ExplainCommand.self,
            PushCommand.self, ReplayCommand.self, CompareCommand.self, RebuildCommand.self, VerifyCommand.self,
            LogCommand.self, BackupCommand.self, RestoreCommand.self, SimulateCommand.self, ServeCommand.self,
            SendCommand.self, TokenCommand.self,
        ]
    )

    static func main() async {
        // A reader that closed the pipe has seen enough.
        Signals.ignoreBrokenPipe()
        Memory.keepFreed()
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as ExitCode {
            exit(withError: error)
        } catch {
            if let failure = Failure(error) {
                Terminal.error(failure.description)
                exit(withError: ExitCode(1))
            }
            exit(withError: error)
        }
    }
}
