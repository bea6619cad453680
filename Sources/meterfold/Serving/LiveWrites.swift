import Access
import Admission
import Ingest
import MeterModel
import NIOCore
import QueryAPI
import Telegrams

/// Takes what comes over HTTP to the log.
struct LiveWrites: EventIntake, PaymentIntake {
    let core: LiveCore

    /// Bytes that a body may inflate to.
    static let maximumInflatedByteCount = 1 << 30

    func take(_ request: IntakeRequest, body: BodyBytes, by principal: Principal) async throws(IntakeFault)
        -> IntakeAnswer
    {
        guard !core.intake.isHoldingOff else { throw .unavailable(reason: "the disk is nearly full") }
        let session = BodySession(core.intake, terms: try terms(request, by: principal), principal: principal)
        var fault: IntakeFault?
        do throws(IntakeFault) { try await pass(body, isGzip: request.isGzip, to: session) } catch { fault = error }
        let (summary, sessionFault) = await session.finish(isWhole: fault == nil)
        if let fault { throw fault }
        switch sessionFault?.code {
        case nil: break
        case .unavailable, .shuttingDown: throw .unavailable(reason: "the log takes nothing in")
        default:
            // A refused header is told as the line it is.
            if summary.taken.rejected == 0 {
                throw .undecodable(code: "unknown-format", text: sessionFault?.text ?? "the body cannot be read")
            }
        }
        return answer(summary)
    }

    private func terms(_ request: IntakeRequest, by principal: Principal) throws(IntakeFault) -> SessionTerms {
        var options = core.configuration.inputDefaults
        var words = request.parameters
        if request.kind == .lineProtocol { options.format = .lineProtocol }
        // InfluxDB has coarser units of time, which nobody sends readings in.
        if let precision = words["precision"], TimestampPrecision(rawValue: precision) == nil {
            throw .badParameter(name: "precision", text: "'\(precision.prefix(8))' is none of ns, us, ms, s")
        }
        let source = words.removeValue(forKey: "source") ?? "http"
        do throws(ParameterFault) {
            try options.apply(words, profile: core.profile)
        } catch {
            throw .badParameter(name: error.name, text: error.text)
        }
        return SessionTerms(
            source: "\(source) (\(principal.recordedBy))",
            options: options,
            access: OpenAccess(as: principal),
            takesGreeting: false,
            keepsRefused: true,
            profile: core.profile
        )
    }

    private func pass(_ body: BodyBytes, isGzip: Bool, to session: BodySession) async throws(IntakeFault) {
        let inflater = isGzip ? BodyInflater() : nil
        var inflatedCount = 0
        var pieces = body.makeAsyncIterator()
        while let piece = try await next(&pieces) {
            let bytes = Array(piece.readableBytesView)
            guard let inflater else {
                if await !session.take(bytes) { return }
                continue
            }
            inflater.feed(bytes)
            while let inflated = try LiveWrites.inflated(inflater) {
                inflatedCount += inflated.count
                guard inflatedCount <= LiveWrites.maximumInflatedByteCount else { throw LiveWrites.inflatesTooLarge }
                if await !session.take(inflated) { return }
            }
        }
        do throws(Refusal) { try inflater?.finish() } catch {
            throw .undecodable(code: error.code.rawValue, text: error.text)
        }
    }

    private static let inflatesTooLarge = IntakeFault.undecodable(
        code: "too-large",
        text: "it inflates to more than \(maximumInflatedByteCount) bytes: send it in parts"
    )

    private func next(_ pieces: inout BodyBytes.Iterator) async throws(IntakeFault) -> ByteBuffer? {
        do throws(BodyFault) { return try await pieces.next() } catch {
            switch error {
            case .tooLarge: throw .tooLarge
            case .interrupted: throw .undecodable(code: "interrupted", text: "the body ended before its time")
            }
        }
    }

    private static func inflated(_ inflater: BodyInflater) throws(IntakeFault) -> [UInt8]? {
        do throws(Refusal) { return try inflater.next() } catch {
            throw .undecodable(code: error.code.rawValue, text: error.text)
        }
    }

    private func answer(_ summary: SessionSummary) -> IntakeAnswer {
        IntakeAnswer(
            accepted: summary.taken.accepted,
            rejected: summary.taken.rejected,
            reasons: Dictionary(uniqueKeysWithValues: summary.taken.reasons.map { ($0.key.rawValue, $0.value) }),
            errors: summary.refused.map {
                IntakeAnswer.RefusedLine(line: $0.line, code: $0.refusal.code.rawValue, text: $0.refusal.text)
            },
            firstPosition: summary.taken.firstPosition,
            lastPosition: summary.taken.lastPosition,
            durable: core.intake.durablePosition
        )
    }

    // MARK: Payments

    func topUp(_ request: TopUpRequest, by principal: Principal) async throws(TopUpFault) -> TopUpAnswer {
        guard !core.intake.isHoldingOff else { throw .unavailable(reason: "the disk is nearly full") }
        do {
            let words = PaymentWords(request)
            let now = core.clock.now()
            let (payment, isRepeated) = try await core.intake.perform { live in
                let currency = live.admission.currency(of: words.device)
                let payment = try words.payment(deviceCurrency: currency, now: now)
                return (payment, live.admission.hasTopUp(payment))
            }
            let position = try await core.intake.record([.topUpReceived(payment)], by: principal.recordedBy)
            return TopUpAnswer(position: position, isRepeated: isRepeated)
        } catch let refusal as Refusal {
            throw .refused(refusal)
        } catch {
            throw .unavailable(reason: "the log takes nothing in")
        }
    }
}
