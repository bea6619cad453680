/// Something that opening or verifying a log noticed.
package struct LogFinding: Sendable, Hashable, CustomStringConvertible {
    /// How bad it is.
    package enum Severity: String, Sendable {
        /// Bytes are not what was written.
        case damage
        /// Nothing is lost; somebody may want to know.
        case notice
    }

    /// What it is about.
    package enum Kind: String, Sendable {
        /// A segment's header, name, size or version.
        case segment
        /// A block's header, body, trailer or position.
        case block
        /// The chain of digests.
        case chain
        /// A block's content, as its owner understands it.
        case content
        /// Records that should be there between or behind segments.
        case missing
        /// Pre-written space that is not zero.
        case prewrittenSpace = "prewritten-space"
        /// An index or footer: derived data, rebuilt from blocks that are sound.
        case derivedData = "derived-data"
        /// A write that did not complete, at the very end: never acknowledged.
        case tornTail = "torn-tail"
        /// A segment whose sealing had not come to its end.
        case unfinishedSeal = "unfinished-seal"
        /// Records that are lost and were given up.
        case hole
        /// A file that does not belong in `log/`.
        case strayFile = "stray-file"
    }

    /// How bad it is.
    package var severity: Severity
    /// What it is about.
    package var kind: Kind
    /// Where it is.
    package var place: LogPlace
    /// One sentence.
    package var text: String

    package var description: String { "\(severity.rawValue): \(place): \(text)" }
}
