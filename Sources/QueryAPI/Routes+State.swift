internal import Access
internal import Hummingbird

extension Routes {
    var stateEndpoints: [Endpoint] {
        let text = JSONText.object([("type", "string")])
        return [
            Endpoint(
                method: .get,
                path: "/healthz",
                summary: "Whether the process answers",
                admission: .everybody,
                success: Endpoint.Success(text: "It does.", content: [("text/plain", text)]),
                run: { _ in Response(mediaType: "text/plain; charset=utf-8", bytes: Array("ok\n".utf8)) }
            ),
            Endpoint(
                method: .get,
                path: "/readyz",
                summary: "Whether it takes and answers requests",
                admission: .everybody,
                success: Endpoint.Success(text: "It does.", content: [("text/plain", text)]),
                problems: [.unavailable],
                run: { _ in
                    let (isReady, reason) = seams.state.readiness()
                    guard isReady else {
                        throw Problem(.unavailable, reason, retryAfterSeconds: limits.retryAfterSeconds)
                    }
                    // It may be ready and have something to say.
                    let text = reason.isEmpty ? "ready\n" : "ready; \(reason)\n"
                    return Response(mediaType: "text/plain; charset=utf-8", bytes: Array(text.utf8))
                }
            ),
            Endpoint(
                method: .get,
                path: "/metrics",
                summary: "Counters and gauges for Prometheus",
                admission: .anyOf([.read]),
                success: Endpoint.Success(text: "The metrics.", content: [("text/plain", text)]),
                run: { _ in
                    Response(mediaType: "text/plain; version=0.0.4; charset=utf-8", bytes: seams.state.metrics())
                }
            ),
        ]
    }
}
