import ArgumentParser
import Glibc
import MeterModel

/// Where everything of one installation lies.
struct DataDirectory {
    let path: String

    var log: String { "\(path)/log" }
    var views: String { "\(path)/views.sqlite" }
    var quarantine: String { "\(path)/quarantine" }
    var configuration: String { "\(path)/meterfold.yaml" }
    var lock: String { "\(path)/lock" }

    /// Makes the directory and its parts where they are missing.
    ///
    /// - Returns: whether it was made now.
    func create() throws -> Bool {
        if exists { return false }
        for directory in [path, log, quarantine] { try makeDirectory(directory) }
        return true
    }

    var exists: Bool { DataDirectory.isDirectory(log) }

    /// - Throws: `Failure` with the hint where this is no data directory.
    func require() throws {
        if exists { return }
        throw Failure(
            place: path,
            cause: "this is no data directory",
            hint: "make one with 'meterfold init --data \(path)'"
        )
    }

    private func makeDirectory(_ directory: String) throws {
        if mkdir(directory, 0o755) == 0 || DataDirectory.isDirectory(directory) { return }
        throw Failure(
            place: directory,
            cause: "cannot be made: \(String(cString: strerror(errno)))",
            hint: "check that the parent directory exists and may be written to"
        )
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}

/// `--data`, which every command takes.
struct DataOption: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The data directory, DIR in these texts.", valueName: "dir"))
    var data = "./meterfold-data"

    var directory: DataDirectory { DataDirectory(path: data) }
}
