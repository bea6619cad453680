import ArgumentParser
import Backups
import Glibc
import MeterModel
import RecordLog

/// Where everything of one installation lies.
struct DataDirectory {
    let path: String

    var log: String { "\(path)/log" }
    var views: String { "\(path)/views.sqlite" }
    /// Where views lie that are being made to take the place of those.
    var freshViews: String { "\(views).fresh" }
    var quarantine: String { "\(path)/quarantine" }
    var configuration: String { "\(path)/meterfold.yaml" }
    var lock: String { "\(path)/lock" }

    /// A file on its disk for what a fold keeps no longer than the process lives; nil where there can be none.
    func makeScratch() -> ScratchFile? { ScratchFile(in: path) }

    /// Makes the directory and its parts where they are missing.
    ///
    /// - Returns: whether it was made now.
    func create() throws -> Bool {
        if exists { return false }
        for directory in [path, log, quarantine] { try makeDirectory(directory) }
        return true
    }

    var exists: Bool { DataDirectory.isDirectory(log) }

    /// - Throws: `Failure` with the hint where this is no data directory, or a restore into it has not ended.
    func require() throws {
        if access("\(path)/\(Restore.markerName)", F_OK) == 0 {
            throw Failure(
                place: path,
                cause: "a restore into this directory has not come to its end",
                hint: "run the same 'meterfold restore' again, it goes on; or remove the directory"
            )
        }
        if exists { return }
        throw Failure(
            place: path,
            cause: "this is no data directory",
            hint: "make one with 'meterfold init --data \(path)'"
        )
    }

    /// As `require`, for whoever is going to write.
    ///
    /// - Throws: `Failure` where this is a backup: it would no longer be what it is a backup of.
    func requireWritable() throws {
        try require()
        if access("\(path)/backup.json", F_OK) == 0 {
            throw Failure(
                place: path,
                cause: "this is a backup, to be read only",
                hint: "make a data directory from it with 'meterfold restore \(path) --data DIR'"
            )
        }
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
