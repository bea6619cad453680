import Access
import Admission
import Foundation
import HTTPTypes
import Hummingbird
import Ingest
import Logging
import MeterModel
import NIOCore
import NIOEmbedded
import ReadModel
import Telegrams
import TimeZones

@testable import QueryAPI

/// Requests as a client writes them, given to the router that `serve` has, without a socket.
///
/// The bytes are a request line, header fields, an empty line and a body; lines end with LF.
enum FuzzedRequest {
    /// Whatever is asked is answered by something other than "failed", in the form that the answer's header names.
    static func ask(_ bytes: [UInt8]) {
        guard let request = request(bytes) else { return }
        let done = DispatchSemaphore(value: 0)
        Task {
            defer { done.signal() }
            do {
                let context = BasicRequestContext(
                    source: ApplicationRequestContextSource(channel: channel, logger: logger)
                )
                let response = try await responder.respond(to: request, context: context)
                let collected = Collected()
                try await response.body.write(collected)
                check(response, collected.bytes)
            } catch {
                fatalError("nobody answered: \(error)")
            }
        }
        done.wait()
    }

    private static func check(_ response: Response, _ body: [UInt8]) {
        let text = String(decoding: body.prefix(400), as: UTF8.self)
        precondition(response.status.code != 500, "a request failed: \(text)")
        let isJSON = response.headers[.contentType]?.contains("json") ?? false
        let isValid = !isJSON || (try? JSONSerialization.jsonObject(with: Data(body))) != nil || body.isEmpty
        precondition(isValid, "an answer that is no JSON: \(text)")
    }

    private static func request(_ bytes: [UInt8]) -> Request? {
        var lines = bytes[...]
        func nextLine() -> [UInt8] {
            let line = Array(lines.prefix { $0 != UInt8(ascii: "\n") })
            lines = lines.dropFirst(line.count + 1)
            return line
        }
        let words = nextLine().split(separator: UInt8(ascii: " "), maxSplits: 2)
        guard words.count >= 2, let method = HTTPRequest.Method(String(decoding: words[0], as: UTF8.self)) else {
            return nil
        }
        var fields = HTTPFields()
        while case let line = nextLine(), !line.isEmpty {
            let halves = line.split(separator: UInt8(ascii: ":"), maxSplits: 1)
            guard halves.count == 2, let name = HTTPField.Name(String(decoding: halves[0], as: UTF8.self)) else {
                return nil
            }
            let value = String(decoding: halves[1], as: UTF8.self).trimmingCharacters(in: .whitespaces)
            fields.append(HTTPField(name: name, value: value))
        }
        let head = HTTPRequest(
            method: method,
            scheme: "http",
            authority: "localhost",
            path: String(decoding: words[1], as: UTF8.self),
            headerFields: fields
        )
        return Request(head: head, body: RequestBody(buffer: ByteBuffer(bytes: lines)))
    }

    // MARK: The server

    private static let channel = EmbeddedChannel()
    private static let logger = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }

    private static let responder: some HTTPResponder<BasicRequestContext> = {
        let limits = HTTPLimits()
        let seams = HTTPSeams(
            access: OpenAccess(as: .local),
            views: StandingViews(),
            freshness: StandingFreshness(),
            zones: FoundationZoneSource(),
            instant: { Instant(text: $0) },
            state: QuietState(),
            intake: BriefIntake(),
            payments: BriefIntake()
        )
        let routes = Routes(seams, limits, closing: Closing())
        let front = Front(endpoints: routes.endpoints, limits: limits, logger: logger)
        return front.router(Entrance(access: seams.access)).buildResponder()
    }()
}

/// Keeps what is written.
// Safety: one task writes and then reads.
private final class Collected: ResponseBodyWriter, @unchecked Sendable {
    var bytes: [UInt8] = []
    func write(_ buffer: ByteBuffer) async throws { bytes += buffer.readableBytesView }
    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

private struct QuietState: ServerState {
    func metrics() -> [UInt8] { [] }
    func readiness() -> (isReady: Bool, reason: String) { (true, "") }
}

private struct StandingFreshness: Freshness {
    var position: Position { Position(42) }
    func wait(for position: Position, within duration: Duration) async -> Position { self.position }
}

/// Views of two devices.
private struct StandingViews: ViewReading {
    func read<T: Sendable>(_ body: @Sendable @escaping (ViewReader) throws -> T) async throws -> T {
        try StandingViews.store.read(body)
    }

    private static let store: ViewStore = {
        do {
            let path = NSTemporaryDirectory() + "fuzz-views.sqlite"
            for end in ["", "-wal", "-shm"] { unlink(path + end) }
            let made = try ViewStore.open(path: path, hours: false)
            try made.transaction { writer in
                for (index, name) in ["E-1", "a/b ü+%"].enumerated() { try put(name, UInt32(index), writer) }
                try writer.setCheckpoint(Position(42), chainHead: [42])
                try writer.setTimeZoneDatabase("by hand")
            }
            try made.close()
            return try ViewStore.openForReading(path: path)
        } catch {
            fatalError("the views cannot be made: \(error)")
        }
    }()

    private static func put(_ name: String, _ device: UInt32, _ writer: ViewWriter) throws {
        try writer.putDevice(
            DeviceRow(
                deviceID: device,
                device: name,
                utility: .electricity,
                unit: .kilowattHour,
                dimension: .energy
            )
        )
        try writer.putSeries(device, device: device, register: "1-0:1.8.0")
        for day in Int32(20_000)..<20_003 {
            let start = Int64(day) * Milliseconds.day
            try writer.putDay(
                series: device,
                day: LocalDate(dayNumber: day),
                start: start,
                end: start + Milliseconds.day,
                quantity: 1_500_000,
                estimated: 0,
                complete: true
            )
        }
    }
}

/// Takes a body as the server's intake does, into a log of its own that nobody keeps.
private struct BriefIntake: EventIntake, PaymentIntake {
    func take(_ request: IntakeRequest, body: BodyBytes, by principal: Principal) async throws(IntakeFault)
        -> IntakeAnswer
    {
        var words = request.parameters
        let source = words.removeValue(forKey: "source") ?? "http"
        var options = InputOptions()
        if request.kind == .lineProtocol { options.format = .lineProtocol }
        do throws(ParameterFault) {
            try options.apply(words, profile: FuzzedInput.profile)
        } catch {
            throw .badParameter(name: error.name, text: error.text)
        }
        let terms = SessionTerms(
            source: source,
            options: options,
            access: OpenAccess(as: principal),
            takesGreeting: false,
            keepsRefused: true,
            profile: FuzzedInput.profile
        )
        var bytes: [UInt8] = []
        do throws(BodyFault) {
            for try await piece in body { bytes += piece.readableBytesView }
        } catch {
            throw .tooLarge
        }
        if request.isGzip { bytes = try BriefIntake.inflated(bytes) }
        return BriefIntake.answer(FuzzedInput.converse(bytes, terms, principal))
    }

    private static func inflated(_ bytes: [UInt8]) throws(IntakeFault) -> [UInt8] {
        let inflater = BodyInflater()
        inflater.feed(bytes)
        var inflated: [UInt8] = []
        do throws(Refusal) {
            while let piece = try inflater.next() {
                inflated += piece
                if inflated.count > 1 << 20 { throw Refusal(.badGzip, "enough") }
            }
            try inflater.finish()
        } catch {
            throw .undecodable(code: error.code.rawValue, text: error.text)
        }
        return inflated
    }

    private static func answer(_ summary: SessionSummary) -> IntakeAnswer {
        IntakeAnswer(
            accepted: summary.taken.accepted,
            rejected: summary.taken.rejected,
            reasons: Dictionary(uniqueKeysWithValues: summary.taken.reasons.map { ($0.key.rawValue, $0.value) }),
            errors: summary.refused.map {
                IntakeAnswer.RefusedLine(line: $0.line, code: $0.refusal.code.rawValue, text: $0.refusal.text)
            },
            firstPosition: summary.taken.firstPosition,
            lastPosition: summary.taken.lastPosition,
            durable: summary.taken.lastPosition ?? .origin
        )
    }

    func topUp(_ request: TopUpRequest, by principal: Principal) async throws(TopUpFault) -> TopUpAnswer {
        guard Name.isValid(request.device), Name.isValid(request.reference) else {
            throw .refused(Refusal(.nameSyntax, "no name"))
        }
        guard let amount = ExactDecimal(request.amount) else { throw .refused(Refusal(.valueSyntax, "no decimal")) }
        guard let currency = Currency(request.currency ?? "EUR") else {
            throw .refused(Refusal(.currencyMismatch, "no currency"))
        }
        do throws(Refusal) { try currency.check(payment: amount) } catch { throw .refused(error) }
        if let at = request.at, Instant(text: at) == nil { throw .refused(Refusal(.timeSyntax, "no instant")) }
        return TopUpAnswer(position: Position(1), isRepeated: nil)
    }
}
