import ArgumentParser
import Glibc
import RecordLog
import TamperEvidence

/// `log head`: where the log ends, for somebody who keeps it elsewhere.
struct LogHeadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "head",
        abstract: "Exports where the log ends, by which it can be proved later that nothing was altered.",
        discussion: """
            A small JSON document: position, chain value, instant; signed with --sign. Keep it where nobody who can \
            write the data directory can. 'meterfold verify --against FILE' holds the log against it. Works beside a \
            writer.
            """
    )

    @OptionGroup var location: DataOption
    @Option(help: ArgumentHelp("Signs it with this private key, made by 'log keygen'.", valueName: "keyfile"))
    var sign: String?
    @Option(help: ArgumentHelp("Writes it to a new file; by default it is printed.", valueName: "file"))
    var out: String?

    func run() throws {
        try location.directory.require()
        let fileSystem = PosixFileSystem()
        let key = try sign.map { path in
            try requireSecrecy(path)
            return try OperatorKey.read(path: path, fileSystem: fileSystem)
        }
        guard let head = try RecordLogReader(directory: location.data).durableHead() else {
            throw Failure(
                place: location.directory.log,
                cause: "the log is empty: there is nothing to prove yet",
                hint: "export a head once something was ingested"
            )
        }
        let now = SystemClock().now()
        let document =
            try key.map { try HeadDocument(head, at: now, signedBy: $0) } ?? HeadDocument(head, at: now)
        guard let out else { return Terminal.print(document.json()) }
        do throws(any Error) {
            try WholeFile.write(document.json() + "\n", path: out, mode: .createNew, fileSystem: fileSystem)
        } catch let error as RecordLogError where error.code == .exists {
            throw Failure(
                place: out,
                cause: "the file exists, and a head that was kept is not overwritten",
                hint: "name a new file, with the date in it"
            )
        }
        Terminal.error("meterfold: wrote the head at position \(head.position) to \(out)")
    }

    /// - Throws: `Failure` where others than its owner may read a private key.
    private func requireSecrecy(_ path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & 0o077 != 0 else { return }
        throw Failure(
            place: path,
            cause: "others may read this private key",
            hint: "run 'chmod 600 \(path)', and make a new key if somebody may have read it"
        )
    }
}

/// `log keygen`: the key that heads are signed with.
struct KeyGenerationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen",
        abstract: "Makes a key to sign heads with: FILE for you alone, FILE.pub for whoever checks.",
        discussion: "Ed25519, as PEM. A file that is there is never overwritten. Needs no data directory."
    )

    @Argument(help: ArgumentHelp("The private key's file; keep it off the machine that holds the log if you can."))
    var file: String

    func run() throws {
        do throws(any Error) {
            let key = try OperatorKey.make(path: file, fileSystem: PosixFileSystem())
            Terminal.print("made \(file) and \(file).pub")
            Terminal.print("public key \(key.publicKey)")
        } catch let error as RecordLogError where error.code == .exists {
            throw Failure(
                place: error.place?.file ?? file,
                cause: "the file exists, and a key is never overwritten",
                hint: "name another file"
            )
        }
    }
}
