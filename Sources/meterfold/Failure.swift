import Access
import Backups
import EventStorage
import Ingest
import MeterModel
import ReadModel
import RecordLog
import TamperEvidence

/// What went wrong, for a person: place, cause and a hint.
struct Failure: Error, CustomStringConvertible {
    var place: String
    var cause: String
    var hint: String

    init(place: String, cause: String, hint: String) {
        self.place = place
        self.cause = cause
        self.hint = hint
    }

    /// The failure that an error of a module is; nil for errors that are not ours to word.
    init?(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as ApplyWork.NeedsConfirmation: self.init(error)
        case let fault as EvidenceFault: self.init(place: fault.place, cause: fault.cause, hint: fault.hint)
        case let fault as BackupFault: self.init(place: fault.place, cause: fault.cause, hint: fault.hint)
        case let fault as TokenFault: self.init(place: fault.place, cause: fault.cause, hint: fault.hint)
        case let error as RecordLogError:
            self.init(place: error.place.map(\.description) ?? "log", cause: error.message, hint: error.hint)
        case let error as EventStorageError:
            self.init(
                place: "log",
                cause: error.description,
                hint: "run 'meterfold verify' to see what is damaged"
            )
        case let error as ViewError:
            var hint = "views can be made anew with 'meterfold rebuild'"
            if case .notViews = error { hint = "it is left alone; move it away, then views are made anew" }
            self.init(place: "views.sqlite", cause: error.description, hint: hint)
        case let error as QuarantineError:
            self.init(
                place: "quarantine",
                cause: error.description,
                hint: "make room or mend permissions, then ingest the same input again"
            )
        case let refusal as Refusal:
            self.init(place: "refused", cause: "\(refusal.code.rawValue): \(refusal.text)", hint: "")
        default: return nil
        }
    }

    var description: String {
        "meterfold: \(place): \(cause)" + (hint.isEmpty ? "" : "\n  hint: \(hint)")
    }
}
