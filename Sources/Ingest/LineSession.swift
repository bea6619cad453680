package import Access
import Admission
import MeterModel
import Telegrams

/// The lines of one sender: a connection, or the body of a request.
///
/// Invariants: touched by the intake's thread alone; `rest` is less than two lines' worth of bytes; once `hasEnded` is
/// set nothing more is taken in.
// Safety: whoever makes it only passes it to the intake's thread, which alone touches what can change.
package final class LineSession: @unchecked Sendable {
    /// Refused lines, with none accepted between them, after which a connection is ended.
    package static let maximumRefusedRun = 10_000

    let terms: SessionTerms
    let follower: any SessionFollowing
    private(set) var principal: Principal?
    private(set) var defaults = AdmissionDefaults.none
    private(set) var acknowledges = false
    private var decoder: InputDecoder?
    private var rights: SendingRights?
    private var rest: [UInt8] = []
    private var namesGeneration = 0
    var summary = SessionSummary()
    var share = BatchShare()
    /// Whether it is among those that are answered at the next commit.
    var isWaiting = false
    /// Whether its input was read to the end, so that it ends once all is answered.
    var hasReachedEnd = false
    private(set) var hasEnded = false
    private var answeredLineCount: UInt64 = 0
    private var refusedCountAtLastAccepted = 0

    /// - Parameters:
    ///   - terms: how it is read.
    ///   - principal: who sends, where that is known; nil: the first line's token tells.
    ///   - follower: who is told.
    package init(_ terms: SessionTerms, principal: Principal? = nil, follower: any SessionFollowing) {
        self.terms = terms
        self.follower = follower
        if let principal { begin(as: principal, terms.options) }
    }

    private func begin(as principal: Principal, _ options: InputOptions) {
        self.principal = principal
        rights = SendingRights(principal)
        decoder = InputDecoder(options: options, source: terms.source)
        defaults = options.admissionDefaults
        follower.begun()
    }

    /// Decodes what came, as far as it is whole lines, into `batch`.
    ///
    /// - Parameters:
    ///   - bytes: the bytes behind those of the last call.
    ///   - isLast: whether no more will come.
    ///   - names: the table of names of all sessions.
    ///   - generation: changes when `names` is begun anew.
    ///   - batch: emptied first.
    ///   - body: gets the batch, and the bytes that its offsets count in.
    /// - Throws: `SessionFault`, and what `body` throws.
    func decode(
        _ bytes: [UInt8],
        isLast: Bool,
        names: inout TelegramNames,
        generation: Int,
        into batch: inout DecodedBatch,
        _ body: (inout DecodedBatch, UnsafeRawBufferPointer, TelegramNames) throws -> Void
    ) throws {
        var chunk = bytes
        var start = 0
        if decoder == nil {
            if !rest.isEmpty { chunk = rest + bytes }
            rest = []
            guard let greeted = try greet(chunk, isLast: isLast) else {
                rest = chunk
                return
            }
            start = greeted
        }
        if namesGeneration != generation {
            decoder?.forgetNames()
            rights?.forgetNames()
            namesGeneration = generation
        }
        if !rest.isEmpty {
            // Only the line that had begun is joined, not all that came.
            let end = bytes.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? bytes.count
            var line = rest + bytes[..<end]
            rest = []
            let used = end < bytes.count ? try decode(line, from: 0, isLast: false, &names, &batch, body) : 0
            if used == line.count {
                start = end
            } else {
                // A record goes on behind the line, or there is no more than the line.
                line.append(contentsOf: bytes[end...])
                (chunk, start) = (line, used)
            }
        }
        start = try decode(chunk, from: start, isLast: isLast, &names, &batch, body)
        summary.lineCount = decoder?.lineCount ?? 0
        if start < chunk.count { rest = Array(chunk[start...]) }
        if decoder?.hasEnded == true {
            throw SessionFault(.unreadableInput, "the header does not fit; what follows it is not read")
        }
    }

    /// Decodes the whole lines of a chunk.
    ///
    /// - Returns: where those end.
    private func decode(
        _ chunk: [UInt8],
        from first: Int,
        isLast: Bool,
        _ names: inout TelegramNames,
        _ batch: inout DecodedBatch,
        _ body: (inout DecodedBatch, UnsafeRawBufferPointer, TelegramNames) throws -> Void
    ) throws -> Int {
        var start = first
        // A decoder may leave some of a very long chunk for its next call.
        var hasMore = true
        while hasMore {
            hasMore = try chunk.withUnsafeBytes { all in
                let chunk = UnsafeRawBufferPointer(rebasing: all[start...])
                batch.removeAll(keepingCapacity: true)
                let consumed: Int
                do {
                    consumed = try decoder?.decode(chunk, isLast: isLast, names: &names, into: &batch) ?? 0
                } catch InputFault.unknownFormat {
                    if terms.takesGreeting, !acknowledges {
                        // Nobody is told, so it must be found in the quarantine.
                        let refusal = Refusal(.badJSON, InputFault.unknownFormatText)
                        batch.refusals.append(
                            RefusedLine(line: 1, refusal: refusal, rawOffset: 0, rawByteCount: chunk.count)
                        )
                        try body(&batch, chunk, names)
                    }
                    throw SessionFault(.unreadableInput, InputFault.unknownFormatText)
                }
                rights?.restrict(&batch, names)
                try body(&batch, chunk, names)
                start += consumed
                return consumed > 0 && start < all.count
            }
        }
        return start
    }

    /// Reads the first line, or goes without.
    ///
    /// - Returns: where the lines begin; nil while that cannot be told.
    private func greet(_ chunk: [UInt8], isLast: Bool) throws -> Int? {
        let begins = terms.takesGreeting ? LineGreeting.begins(chunk) : false
        guard let begins = begins ?? (isLast ? false : nil) else { return nil }
        var greeting = LineGreeting()
        var length = 0
        if begins {
            guard let end = chunk.prefix(LineGreeting.maximumByteCount).firstIndex(of: UInt8(ascii: "\n")) else {
                if isLast || chunk.count >= LineGreeting.maximumByteCount {
                    throw SessionFault(.badFirstLine, "the first line does not end")
                }
                return nil
            }
            length = end + 1
            let last = end > 0 && chunk[end - 1] == UInt8(ascii: "\r") ? end - 1 : end
            do {
                greeting = try chunk.withUnsafeBytes { try LineGreeting(UnsafeRawBufferPointer(rebasing: $0[..<last])) }
            } catch let refusal as Refusal {
                throw SessionFault(.badFirstLine, refusal.text)
            }
            acknowledges = greeting.acknowledges
        }
        let principal: Principal
        do throws(AccessFault) { principal = try terms.access.principal(bearing: greeting.token) } catch {
            throw SessionFault(
                .unauthorized,
                error == .missing ? "name a token in the first line" : "the token is unknown, revoked or expired"
            )
        }
        guard !principal.rights.isDisjoint(with: [.ingest, .topUp, .admin]) else {
            throw SessionFault(.notAllowed, "the token allows no sending")
        }
        var options = terms.options
        do throws(ParameterFault) { try options.apply(greeting.words, profile: terms.profile) } catch {
            throw SessionFault(.badFirstLine, "\(error.name): \(error.text)")
        }
        begin(as: principal, options)
        return length
    }

    /// Notes a line that was refused; it is answered at once, so that its answer comes before the `ok` that covers it.
    func refuse(_ line: RefusedLine, into reply: inout [UInt8]) {
        summary.taken.reasons[line.refusal.code, default: 0] += 1
        if summary.refused.count < SessionSummary.maximumRefusedCount {
            summary.refused.append(SessionSummary.Refused(line: line.line, refusal: line.refusal))
        }
        if acknowledges {
            reply += LineSession.answer("err \(line.line) \(line.refusal.code.rawValue) \(line.refusal.text)")
        }
    }

    /// Ends a connection that sends nothing but what is refused: it costs everybody else's time and room.
    ///
    /// - Parameter accepted: whether anything was, of the lines that were decoded last.
    /// - Throws: `SessionFault.tooManyRefused`.
    func checkRefusals(accepted: Bool) throws {
        if accepted { refusedCountAtLastAccepted = summary.taken.rejected }
        guard terms.takesGreeting, summary.taken.rejected - refusedCountAtLastAccepted > LineSession.maximumRefusedRun
        else {
            return
        }
        throw SessionFault(
            .tooManyRefused,
            "more than \(LineSession.maximumRefusedRun) lines in a row were refused; see the reasons, and connect again"
        )
    }

    /// The `ok` that covers so many lines, now durable; nil where nobody waits for one.
    func acknowledgement(ofLines lineCount: UInt64) -> [UInt8]? {
        guard acknowledges, lineCount > answeredLineCount else { return nil }
        answeredLineCount = lineCount
        return LineSession.answer("ok \(summary.taken.lastPosition?.rawValue ?? 0) \(lineCount)")
    }

    /// One line, whatever control characters a text quotes: no sender can put an answer of his own into it.
    private static func answer(_ text: String) -> [UInt8] {
        text.utf8.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 } + [UInt8(ascii: "\n")]
    }

    /// Ends it; what comes after this is not taken in.
    func end(_ fault: SessionFault?) {
        guard !hasEnded else { return }
        hasEnded = true
        rest = []
        decoder = nil
        if let fault, acknowledges || fault.code == .badFirstLine {
            follower.reply(LineSession.answer("err 0 \(fault.code.rawValue) \(fault.text)"))
        }
        follower.ended(summary, fault)
    }
}
