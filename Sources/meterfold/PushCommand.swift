import ArgumentParser
import ReadModel

struct PushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push",
        abstract: "Push jobs and their delivery.",
        subcommands: [DrainCommand.self]
    )

    struct DrainCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "drain",
            abstract: "Hands over every pending job and records what came of it.",
            discussion: """
                One JSON object a line. A job may be printed again if the program was ended before the outcome was \
                recorded; it then has the same id, by which a receiver drops it.
                """
        )

        @OptionGroup var location: DataOption
        @Option(help: "Where to: - is stdout.") var to = "-"

        func validate() throws {
            guard to == "-" else { throw ValidationError("--to takes -, for stdout") }
        }

        func run() async throws {
            if let control = ControlClient(location.directory) { return try await control.drainPushes() }
            let engine = try Engine(location.directory)
            try PushDrain().run(on: engine, jobs: engine.store?.unsettled() ?? [], StandardConsole())
            try engine.close()
        }
    }
}
