internal import Access
internal import Hummingbird
internal import MeterModel

extension Routes {
    var explainDeviceEndpoint: Endpoint {
        explain("/v1/devices/{device}/explain", "Each cent of a device's balance", [])
    }

    var explainEndpoint: Endpoint {
        explain(
            "/v1/explain",
            "Each cent of the balance of the device named",
            [Endpoint.Parameter(name: "device", text: "Whose; it must be given.")]
        )
    }

    private func explain(_ path: String, _ summary: String, _ parameters: [Endpoint.Parameter]) -> Endpoint {
        Endpoint(
            method: .get,
            path: path,
            summary: summary,
            admission: .anyOf([.read]),
            parameters: parameters + [Endpoint.Parameter(name: "on", text: "Of this local day alone.")]
                + Routes.freshness(limits),
            success: Endpoint.Success(text: "The explanation.", content: [(MediaTypes.json, .object([]))]),
            problems: [.badParameter, .notAcceptable, .unknownDevice, .notYet, .busy, .notOffered],
            run: answerExplanation
        )
    }

    private func answerExplanation(_ call: Call) async throws -> Response {
        guard let explaining = seams.explaining else { throw Problem(.notOffered, "nothing is explained here") }
        _ = try MediaTypes.preferred(of: [MediaTypes.json], by: call.request)
        guard let device = call.path["device"] ?? call.value("device") else {
            throw Problem(.badParameter, "name a device: ?device=…")
        }
        var day: LocalDate?
        if let text = call.value("on") {
            day = LocalDate(text)
            if day == nil { throw Problem(.badParameter, "on takes a local date (2026-01-31)") }
        }
        _ = try await awaitPosition(call)
        // What is explained is no older than this.
        let position = seams.freshness.position
        guard call.principal.covers(device), let bytes = try await explaining.explain(device: device, day: day) else {
            throw Problem(.unknownDevice, "no event has named this device", members: [position.member])
        }
        var headers: HTTPFields = [:]
        position.put(into: &headers)
        return Response(mediaType: MediaTypes.json, bytes: bytes, headers: headers)
    }
}
