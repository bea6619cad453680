internal import Access
internal import Foundation
internal import Hummingbird
internal import MeterModel

extension Routes {
    var topUpEndpoint: Endpoint {
        Endpoint(
            method: .post,
            path: "/v1/top-ups",
            summary: "Record a payment, once for each reference",
            admission: .anyOf([.topUp]),
            body: Endpoint.Body(mediaTypes: [MediaTypes.json], text: "The payment.", schema: Routes.topUpSchema),
            success: Endpoint.Success(
                text: "Where it is in the log.",
                content: [
                    (
                        MediaTypes.json,
                        .object([
                            ("type", "object"),
                            (
                                "properties",
                                .object([
                                    ("position", .object([("type", "integer")])),
                                    ("repeated", .object([("type", "boolean")])),
                                ])
                            ),
                        ])
                    )
                ]
            ),
            problems: [.badBody, .tooLarge, .unsupportedMediaType, .busy, .unavailable, .notOffered],
            run: answerTopUp
        )
    }

    private static let topUpNames = ["device", "amount", "currency", "provider", "reference", "at"]

    private static let topUpSchema = JSONText.object([
        ("type", "object"), ("required", .array(["device", "amount", "reference"])),
        ("properties", .object(topUpNames.map { ($0, .object([("type", "string")])) })),
        ("additionalProperties", false),
    ])

    private func answerTopUp(_ call: Call) async throws -> Response {
        guard let payments = seams.payments else { throw Problem(.notOffered, "no payments are taken here") }
        guard try !MediaTypes.isGzip(call.request, taken: [MediaTypes.json]) else {
            throw Problem(.unsupportedMediaType, "a payment is sent as it is, not compressed")
        }
        let request = try topUp(try await smallBody(call))
        guard call.principal.covers(request.device) else {
            throw Problem(.notAllowed, "the token does not cover this device")
        }
        do {
            let answer = try await payments.topUp(request, by: call.principal)
            var headers: HTTPFields = [:]
            answer.position.put(into: &headers)
            let repeated = answer.isRepeated.map { [("repeated", JSONText.boolean($0))] } ?? []
            return Response(json: .object([answer.position.member] + repeated), headers: headers)
        } catch {
            switch error {
            case .refused(let refusal):
                throw Problem(
                    status: [.referenceReused, .currencyMismatch].contains(refusal.code) ? 409 : 422,
                    code: refusal.code.rawValue,
                    title: "The payment was refused",
                    detail: refusal.text
                )
            case .busy(let seconds): throw Problem(.busy, "the log is busy", retryAfterSeconds: seconds)
            case .unavailable(let reason):
                throw Problem(.unavailable, reason, retryAfterSeconds: limits.retryAfterSeconds)
            }
        }
    }

    /// All of a body that is to be small.
    func smallBody(_ call: Call) async throws -> [UInt8] {
        do {
            return try await BodyBytes(call.request.body, maximumByteCount: limits.smallBodyByteCount).collect()
        } catch .tooLarge {
            throw Problem(.tooLarge, "a body has at most \(limits.smallBodyByteCount) bytes here")
        } catch .interrupted {
            throw Problem(.badRequest, "the body broke off")
        }
    }

    private func topUp(_ body: [UInt8]) throws -> TopUpRequest {
        guard let object = try? JSONSerialization.jsonObject(with: Data(body)), let members = object as? [String: Any]
        else { throw Problem(.badBody, "the body is no JSON object") }
        for name in members.keys.sorted() where !Routes.topUpNames.contains(name) {
            throw Problem(.badBody, "unknown member '\(name.prefix(64))'")
        }
        func text(_ name: String) throws -> String? {
            guard let value = members[name], !(value is NSNull) else { return nil }
            // A number would have lost its digits by now.
            guard let text = value as? String else { throw Problem(.badBody, "\(name) is a string, amounts too") }
            return text
        }
        func needed(_ name: String) throws -> String {
            guard let text = try text(name) else { throw Problem(.badBody, "\(name) is missing") }
            return text
        }
        return TopUpRequest(
            device: try needed("device"),
            amount: try needed("amount"),
            currency: try text("currency"),
            provider: try text("provider"),
            reference: try needed("reference"),
            at: try text("at")
        )
    }
}
