internal import Access
internal import Hummingbird
internal import MeterModel

extension Routes {
    static let eventStream = "text/event-stream"

    var feedEndpoint: Endpoint {
        Endpoint(
            method: .get,
            path: "/v1/feed",
            summary: "Crossings, clearings, reminders and balances while they are new",
            admission: .anyOf([.read]),
            parameters: [
                Endpoint.Parameter(name: "device", text: "What happens to this device alone."),
                Endpoint.Parameter(
                    name: "after",
                    text: "What happened after this position too; the header `Last-Event-ID` goes before.",
                    schema: .object([("type", "integer"), ("minimum", 0)])
                ),
            ],
            success: Endpoint.Success(
                text: "Server-sent events, until one of both sides ends it.",
                content: [(Routes.eventStream, .object([("type", "string")]))]
            ),
            problems: [.badParameter, .notAcceptable, .busy, .notOffered],
            run: answerFeed
        )
    }

    private func answerFeed(_ call: Call) async throws -> Response {
        guard let feed = seams.feed else { throw Problem(.notOffered, "there is no feed here") }
        _ = try MediaTypes.preferred(of: [Routes.eventStream], by: call.request)
        var position = feed.position
        if let text = call.request.headers[.lastEventID] ?? call.value("after") {
            guard let number = UInt64(text) else { throw Problem(.badParameter, "after takes a position") }
            position = Position(number)
        }
        guard feedReaders.enter() else {
            throw Problem(.busy, "too many readers of the feed", retryAfterSeconds: limits.retryAfterSeconds)
        }
        let place = FeedPlace(feedReaders)
        let device = call.value("device")
        let principal = call.principal
        let stream = FeedStream(
            feed: feed,
            wants: { name in
                device.map { $0.utf8.elementsEqual(name.utf8) } ?? true && principal.covers(name)
            },
            heartbeat: limits.feedHeartbeat,
            pieceItemCount: limits.feedPieceItemCount,
            closing: closing
        )
        var headers: HTTPFields = [.contentType: Routes.eventStream, .cacheControl: "no-store"]
        feed.position.put(into: &headers)
        let body = ResponseBody { [position] writer in
            defer { withExtendedLifetime(place) {} }
            try await stream.write(after: position, to: &writer)
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }
}

/// A reader's place at a gate: given back when he goes, or when his answer is never written.
private final class FeedPlace: Sendable {
    private let gate: Gate

    init(_ gate: Gate) { self.gate = gate }

    deinit { gate.leave() }
}
