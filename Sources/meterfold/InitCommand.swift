import ArgumentParser

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Makes a data directory. On one that is there already it changes nothing."
    )

    @OptionGroup var location: DataOption

    func run() throws {
        let made = try location.directory.create()
        Terminal.print(made ? "made \(location.data)" : "\(location.data) is a data directory already")
    }
}
