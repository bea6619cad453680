/// Where in the log something is: enough to find the bytes and to say which records are concerned.
package struct LogPlace: Sendable, Hashable, CustomStringConvertible {
    /// The segment's file name, or another path, as shown to the operator.
    package var file: String
    /// Byte offset in that file; `nil` when the file as a whole is meant.
    package var byteOffset: Int?
    /// The positions concerned; `nil` when none are.
    ///
    /// An upper bound of `UInt64.max` means: from the lower bound on, end unknown.
    package var positions: ClosedRange<UInt64>?

    /// Names a place.
    package init(file: String, byteOffset: Int? = nil, positions: ClosedRange<UInt64>? = nil) {
        self.file = file
        self.byteOffset = byteOffset
        self.positions = positions
    }

    package var description: String {
        var text = file
        if let byteOffset { text += " at byte \(byteOffset)" }
        if let positions {
            text +=
                positions.upperBound == .max
                ? ", positions from \(positions.lowerBound) on"
                : ", positions \(positions.lowerBound) to \(positions.upperBound)"
        }
        return text
    }
}

/// What went wrong in the log: a code to act on, a sentence, a place and a hint.
package struct RecordLogError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of failure, grouped by the moment they occur.
    package enum Code: String, Sendable {
        // Opening.

        /// The directory holds no log.
        case notALog = "not-a-log"
        /// Another process or writer holds the log for writing.
        case locked
        /// The configuration contradicts itself or a limit.
        case invalidConfiguration = "invalid-configuration"
        /// A version or kind this program does not know.
        case newerVersion = "newer-version"

        // Reading and opening.

        /// Bytes that were acknowledged are damaged or missing.
        case corruption

        // Appending.

        /// The body exceeds a limit.
        case bodyTooLarge = "body-too-large"
        /// The body does not fit the current segment: `prepare` was not asked, or asked for less.
        case segmentFull = "segment-full"
        /// No room on the device for the next segment; nothing was lost, appending can go on after space is freed.
        case noSpace = "no-space"
        /// A write or sync failed earlier: nothing is appended any more until the log is opened again.
        case failed
        /// The writer or file was closed.
        case closed

        // Anywhere.

        /// A file operation failed.
        case inputOutput = "input-output"
        /// A file does not exist.
        case notFound = "not-found"
        /// A file that was to be made is there already.
        case exists
    }

    /// What kind of failure it is.
    package var code: Code
    /// One sentence: what happened.
    package var message: String
    /// Where, if a place is known.
    package var place: LogPlace?
    /// What to do next; empty if there is nothing to say.
    package var hint: String
    /// The operating system's error number, 0 if none.
    package var systemError: Int32

    /// Describes a failure.
    package init(_ code: Code, _ message: String, place: LogPlace? = nil, hint: String = "", systemError: Int32 = 0) {
        self.code = code
        self.message = message
        self.place = place
        self.hint = hint
        self.systemError = systemError
    }

    package var description: String {
        var text = place.map { "\($0): " } ?? ""
        text += message
        if !hint.isEmpty { text += " (\(hint))" }
        return text
    }
}

extension RecordLogError {
    /// Damage to acknowledged bytes.
    static func corruption(
        _ message: String,
        file: String,
        byteOffset: Int?,
        positions: ClosedRange<UInt64>?
    ) -> RecordLogError {
        RecordLogError(
            .corruption,
            message,
            place: LogPlace(file: file, byteOffset: byteOffset, positions: positions),
            hint: "nothing was changed; 'verify' has the full list, 'verify --repair' rebuilds what parity reaches, "
                + "the rest is in a backup; 'log give-up' goes on without it"
        )
    }

    /// A segment of a kind or version from the future.
    static func newerVersion(file: String) -> RecordLogError {
        RecordLogError(
            .newerVersion,
            "written by a newer version of this program",
            place: LogPlace(file: file),
            hint: "read this log with the version that wrote it, or a later one"
        )
    }
}
