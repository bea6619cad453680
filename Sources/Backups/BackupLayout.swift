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
