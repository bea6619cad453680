package import Access
package import MeterModel

/// A body to be taken as readings or events.
package struct IntakeRequest: Hashable, Sendable {
    /// What its lines are.
    package enum Kind: String, Hashable, Sendable {
        /// Readings alone, in any format.
        case readings
        /// Events of any kind, as far as the sender may.
        case events
        /// Readings in InfluxDB's line protocol.
        case lineProtocol
    }

    package var kind: Kind
    /// What the query string says of the body, by name: `IntakeRequest.parameterNames`. Of the line protocol
    /// `precision` is there always, as one of `ns`, `us`, `ms`, `s`, `m`, `h`.
    package var parameters: [String: String]
    /// Whether the body is compressed with gzip. Who takes it inflates it, within bounds.
    package var isGzip: Bool

    /// What may be said of a body.
    package static let parameterNames = [
        "format", "precision", "profile", "utility", "unit", "register", "device", "source",
    ]

    package init(kind: Kind, parameters: [String: String] = [:], isGzip: Bool = false) {
        self.kind = kind
        self.parameters = parameters
        self.isGzip = isGzip
    }
}

/// What became of a body.
package struct IntakeAnswer: Hashable, Sendable {
    /// A line that was refused.
    package struct RefusedLine: Hashable, Sendable {
        /// From 1.
        package var line: UInt64
        package var code: String
        package var text: String

        package init(line: UInt64, code: String, text: String) {
            self.line = line
            self.code = code
            self.text = text
        }
    }

    /// Refused lines that are told one by one; of the others only the reasons are counted.
    package static let refusedLineMaximum = 100

    /// Lines that got a position, duplicates too.
    package var accepted: Int
    /// Lines that were refused.
    package var rejected: Int
    /// Lines of the accepted that repeat what was there; nil where that is not known.
    package var duplicates: Int?
    /// How many lines were refused, by code.
    package var reasons: [String: Int]
    /// The first refused lines.
    package var errors: [RefusedLine]
    /// The first and last position given.
    package var firstPosition: Position?
    package var lastPosition: Position?
    /// Up to here the log is on disk.
    package var durable: Position

    package init(
        accepted: Int,
        rejected: Int = 0,
        duplicates: Int? = nil,
        reasons: [String: Int] = [:],
        errors: [RefusedLine] = [],
        firstPosition: Position? = nil,
        lastPosition: Position? = nil,
        durable: Position
    ) {
        self.accepted = accepted
        self.rejected = rejected
        self.duplicates = duplicates
        self.reasons = reasons
        self.errors = errors
        self.firstPosition = firstPosition
        self.lastPosition = lastPosition
        self.durable = durable
    }
}

/// Why a body was not taken.
package enum IntakeFault: Error, Hashable, Sendable {
    /// A parameter has no such value.
    case badParameter(name: String, text: String)
    /// The body as a whole is not what it should be: bad gzip, no format found.
    case undecodable(code: String, text: String)
    /// More bytes than are taken at once.
    case tooLarge
    /// Not now; after so many seconds.
    case busy(retryAfterSeconds: Int)
    /// Not until something changes: the disk is full, the server stops. The reason names no path.
    case unavailable(reason: String)
}

/// Takes readings and events into the log.
package protocol EventIntake: Sendable {
    /// Takes a body, line by line, and returns when what it accepted is on disk.
    ///
    /// - Parameters:
    ///   - request: what the body is.
    ///   - body: its bytes as they come off the wire; reading slowly pushes back on the sender.
    ///   - principal: who sends it. What he may not send is refused line by line (`not-allowed`).
    /// - Returns: what became of it; lines accepted stay accepted whatever became of later ones.
    /// - Throws: `IntakeFault`. Lines may have been accepted before the fault showed; to send them again does no harm.
    func take(_ request: IntakeRequest, body: BodyBytes, by principal: Principal) async throws(IntakeFault)
        -> IntakeAnswer
}
