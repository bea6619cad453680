import RecordLog

/// Where the parts of a backup lie, or of the data directory that it is of.
struct BackupLayout {
    let directory: String

    var log: String { directory + "/log" }
    var quarantine: String { directory + "/quarantine" }
    var lock: String { directory + "/lock" }
    /// Names the position that the backup reaches; written last.
    var manifest: String { directory + "/backup.json" }
    /// Where a backup's files lie until they are proved. Made first, and so the sign of a backup that has begun.
    var incoming: String { directory + "/" + BackupLayout.incomingName }
    /// Where a data directory's files lie until they are proved.
    var spare: String { directory + "/spare" }
    /// The sign of a restore that has not ended.
    var marker: String { directory + "/" + Restore.markerName }

    static let incomingName = "incoming"
    static let lockName = "lock"

    /// The files of a data directory that belong to it, beside the log and the quarantine.
    ///
    /// `tokens` holds hashes of tokens, no secrets; `meterfold.yaml` may hold secrets of push channels.
    static let settings = "meterfold.yaml"
    static let tokens = "tokens"

    /// A path without slashes at its end.
    init(_ path: String) {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        directory = path
    }
}

extension FileSystem {
    /// The names in a directory; nil if there is none.
    func namesIfThere(_ path: String) throws(RecordLogError) -> [String]? {
        do throws(RecordLogError) {
            return try names(inDirectory: path)
        } catch  where error.code == .notFound {
            return nil
        }
    }

    /// A file, to be read; nil if there is none.
    func openIfThere(_ path: String) throws(RecordLogError) -> (any OpenFile)? {
        do throws(RecordLogError) {
            return try open(path, mode: .read)
        } catch  where error.code == .notFound {
            return nil
        }
    }

    /// Makes a directory that is missing, and its name durable.
    ///
    /// Throws `BackupFault` if there is nothing to make it in.
    func makeDurableDirectory(_ path: String) throws {
        let parent = WholeFile.folder(of: path)
        guard try namesIfThere(parent) != nil else {
            throw BackupFault(
                path,
                "there is no directory \(parent) to make it in",
                hint: "make that first; or is the disk not mounted?"
            )
        }
        try makeDirectory(path)
        try syncDirectory(parent)
    }

    /// Removes a file; false if there is none.
    func removeIfThere(_ path: String) throws(RecordLogError) -> Bool {
        do throws(RecordLogError) {
            try remove(path)
            return true
        } catch  where error.code == .notFound {
            return false
        }
    }
}
