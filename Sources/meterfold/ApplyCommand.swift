import ArgumentParser
import Glibc
import Ingest

struct ApplyCommand: AsyncParsableCommand {

    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Registers what a fleet file declares: tariffs, devices, accounts, alert rules.",
        discussion: """
            YAML with tariffs: and devices:, or CSV with a device a row. What is absent is left alone, null goes back \
            to the default, and only what differs from the log's state is appended, so the same file again changes \
            nothing.

            The plan comes first. Where it changes charges already made, it says for how many devices and by how much, \
            and asks; without a terminal it takes --yes.

            A file with any fault changes nothing: every entry at fault is named by file and line, and the exit code \
            is 1.
            """
    )

    @OptionGroup var location: DataOption
    @Argument(help: "Fleet files, taken as one fleet; - is stdin.") var files: [String]
    @Flag(help: "Says what would change, and changes nothing.") var dryRun = false
    @Flag(help: "Changes charges already made without asking.") var yes = false
    @Option(help: "How the plan is printed: lines, or one JSON object.") var format: ApplyWork.Format = .text

    func run() async throws {
        var work = ApplyWork(files: files.map { ($0, DeclaredFleet.text(of: $0)) })
        work.isDryRun = dryRun
        work.isConfirmed = yes
        work.format = format
        let question: (() -> Bool)? = isAtTerminal ? { ask() } : nil
        if let control = ControlClient(location.directory) {
            return try await control.apply(work, asks: question)
        }
        let engine = try Engine(location.directory)
        do { try work.run(on: engine, StandardConsole(), asks: question) } catch {
            try engine.close()
            throw error
        }
        try engine.close()
    }

    private var isAtTerminal: Bool {
        isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 && !files.contains("-") && format == .text
    }

    private func ask() -> Bool {
        Terminal.write(errorText: "apply this? [y/N] ")
        return ["y", "yes"].contains((readLine() ?? "").lowercased())
    }
}

extension ApplyWork.Format: ExpressibleByArgument {}
