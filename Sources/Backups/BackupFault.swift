/// Why a backup or a restore is refused or stopped: place, cause and what to do.
package struct BackupFault: Error, Hashable {
    /// The file or directory concerned.
    package var place: String
    /// What is wrong.
    package var cause: String
    /// What to do about it.
    package var hint: String

    init(_ place: String, _ cause: String, hint: String) {
        self.place = place
        self.cause = cause
        self.hint = hint
    }
}
