package import Access
package import MeterModel

/// On what terms somebody sends: how his bytes are read, and what happens to what is refused.
package struct SessionTerms: Sendable {
    /// What the quarantine calls the sender.
    package var source: String
    /// How the lines are read unless the first line says otherwise.
    package var options: InputOptions
    /// Tells who somebody is by the first line's token.
    package var access: any Authorizing
    /// Whether a first line may come.
    package var takesGreeting: Bool
    /// Whether refused lines go to quarantine even where they are answered.
    package var keepsRefused: Bool
    /// The profile of a name, for the first line.
    package var profile: @Sendable (String) throws(ProfileError) -> InputProfile?

    package init(
        source: String,
        options: InputOptions,
        access: any Authorizing,
        takesGreeting: Bool,
        keepsRefused: Bool = false,
        profile: @escaping @Sendable (String) throws(ProfileError) -> InputProfile?
    ) {
        self.source = source
        self.options = options
        self.access = access
        self.takesGreeting = takesGreeting
        self.keepsRefused = keepsRefused
        self.profile = profile
    }
}

/// Why a session ended before its input did: a stable code, and words for a person. Contract: `err 0 <code> <text>`.
package struct SessionFault: Error, Hashable, Sendable {
    /// Which fault it is; the raw value is the code.
    package enum Code: String, Sendable, CaseIterable {
        /// The first line cannot be understood.
        case badFirstLine = "bad-first-line"
        /// No token came where one is needed, or it is not valid.
        case unauthorized
        /// The token allows no sending at all.
        case notAllowed = "not-allowed"
        /// Nothing tells the lines' form, or the CSV header does not fit.
        case unreadableInput = "unreadable-input"
        /// So many lines in a row were refused that nothing of use is to be expected.
        case tooManyRefused = "too-many-refused"
        /// As many connections as there may be.
        case tooManyConnections = "too-many-connections"
        /// Nothing came for as long as a connection may be silent.
        case idle
        /// Replies are not read.
        case unreadReplies = "unread-replies"
        /// Nothing can be taken in: the disk is full, or the log has failed.
        case unavailable
        /// The server ends.
        case shuttingDown = "shutting-down"
    }

    package var code: Code
    package var text: String

    package init(_ code: Code, _ text: String) {
        self.code = code
        self.text = text
    }
}

/// What came of a session's lines.
package struct SessionSummary: Sendable {
    /// A line that was refused, and why.
    package struct Refused: Hashable, Sendable {
        package var line: UInt64
        package var refusal: Refusal
    }

    /// Refused lines that are remembered; the others are counted.
    package static let maximumRefusedCount = 100

    package var lineCount: UInt64 = 0
    /// What was taken in and refused; of positions the lowest and the highest given to an event of the session.
    package var taken = IntakeSummary()
    /// The first of the refused lines.
    package var refused: [Refused] = []

    package init() {}
}

/// What is told to whoever handed in a session's bytes: by the intake's thread, so it must be passed on at once.
package protocol SessionFollowing: AnyObject, Sendable {
    /// It is known who sends.
    func begun()

    /// Bytes were taken in; there is room for as many more.
    func consumed(byteCount: Int)

    /// Bytes for the sender.
    func reply(_ bytes: [UInt8])

    /// Everything is durable or answered and nothing more will come; nil: the input was read to its end.
    func ended(_ summary: SessionSummary, _ fault: SessionFault?)
}

extension SessionFollowing {
    package func begun() {}
}
