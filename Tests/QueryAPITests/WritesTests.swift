import Access
import AsyncHTTPClient
import Foundation
import MeterModel
import NIOCore
import NIOHTTP1
import Testing

@testable import QueryAPI

@Suite struct WritesTests {
    @Test func `a body comes to the intake byte for byte, with what was said of it`() async throws {
        let setup = try ServerSetup()
        let body = "{\"device\": \"E-1\"}\n\r\n\u{0}ü"
        try await setup.run { asker in
            let sender = asker.bearing("sender")
            let reply = try await sender.post(
                "/v1/readings?format=ndjson&profile=toon&source=a+b&precision=ms",
                body,
                [("Content-Encoding", "gzip"), ("Content-Type", "application/x-ndjson; charset=utf-8")]
            )
            #expect(reply.status == 200)
            _ = try await asker.bearing("chief").post("/v1/events", "x")
        }
        let taken = setup.intake.taken
        try #require(taken.count == 2)
        #expect(taken[0].bytes == Array(body.utf8))
        #expect(
            taken[0].request
                == IntakeRequest(
                    kind: .readings,
                    parameters: ["format": "ndjson", "profile": "toon", "source": "a b", "precision": "ms"],
                    isGzip: true
                )
        )
        #expect(taken[0].principal.recordedBy == "token:3")
        #expect(taken[1].request == IntakeRequest(kind: .events))
        #expect(taken[1].principal.recordedBy == "token:5")
    }

    @Test func `the summary tells what became of the lines`() async throws {
        let setup = try ServerSetup()
        let errors = (1...150).map { IntakeAnswer.RefusedLine(line: $0, code: "bad-json", text: "no \"JSON\"") }
        var answer = IntakeAnswer(accepted: 3, rejected: 150, duplicates: 1, errors: errors, durable: Position(12))
        answer.reasons = ["value-range": 2, "bad-json": 148]
        answer.firstPosition = Position(10)
        answer.lastPosition = Position(12)
        var refused = answer
        refused.accepted = 0
        refused.firstPosition = nil
        setup.intake.answer(.success(answer), .success(refused))
        try await setup.run { asker in
            let reply = try await asker.bearing("sender").post("/v1/readings", "x")
            #expect(reply.status == 200 && reply.header("Meterfold-Position") == "12")
            let start = """
                {"accepted": 3, "rejected": 150, "duplicates": 1, "reasons": {"bad-json": 148, "value-range": 2}, \
                "errors": [{"line": 1, "code": "bad-json", "text": "no \\"JSON\\""}
                """
            #expect(reply.text.hasPrefix(start))
            #expect(reply.text.hasSuffix("\"firstPosition\": 10, \"lastPosition\": 12, \"durable\": 12}"))
            #expect((reply.object["errors"] as? [Any])?.count == IntakeAnswer.refusedLineMaximum)
            let all = try await asker.bearing("sender").post("/v1/readings", "x")
            #expect(all.status == 422 && all.problem == "all-refused")
            #expect(all.object["rejected"] as? Int == 150 && all.object["durable"] as? Int == 12)
            #expect(all.object["firstPosition"] is NSNull)
        }
    }

    @Test func `faults of the intake are told as problems`() async throws {
        let setup = try ServerSetup()
        setup.intake.answer(
            .failure(.badParameter(name: "profile", text: "there is none called x")),
            .failure(.undecodable(code: "bad-gzip", text: "the checksum differs")),
            .failure(.busy(retryAfterSeconds: 5)),
            .failure(.unavailable(reason: "the disk is full"))
        )
        try await setup.run { asker in
            let sender = asker.bearing("sender")
            let parameter = try await sender.post("/v1/readings", "x")
            #expect(parameter.status == 400 && parameter.problem == "bad-parameter")
            let gzip = try await sender.post("/v1/readings", "x")
            #expect(gzip.status == 400 && gzip.problem == "bad-body" && gzip.object["reason"] as? String == "bad-gzip")
            let busy = try await sender.post("/v1/readings", "x")
            #expect(busy.status == 503 && busy.problem == "busy" && busy.header("Retry-After") == "5")
            let full = try await sender.post("/v1/readings", "x")
            #expect(full.status == 503 && full.problem == "unavailable" && full.text.contains("disk is full"))
            let type = try await sender.post("/v1/readings", "x", [("Content-Type", "image/png")])
            #expect(type.status == 415 && type.problem == "unsupported-media-type")
            let encoding = try await sender.post("/v1/readings", "x", [("Content-Encoding", "br")])
            #expect(encoding.status == 415)
        }
    }

    @Test func `a body that is too large is refused before and while it comes, and the connection ends`() async throws {
        var setup = try ServerSetup()
        setup.limits.writeBodyByteCount = 1_000_000
        try await setup.run { asker in
            let sender = asker.bearing("sender")
            let told = try await sender.post("/v1/readings", String(repeating: "x", count: 1_000_001))
            #expect(told.status == 413 && told.problem == "too-large" && told.header("Connection") == "close")
            #expect(setup.intake.taken.isEmpty)
            var request = sender.request(.POST, "/v1/readings")
            request.body = .stream(Pieces(count: 40, byteCount: 50_000), length: .unknown)
            let streamed = try await sender.send(request)
            #expect(streamed.status == 413 && streamed.problem == "too-large")
            request.body = .stream(Pieces(count: 20, byteCount: 50_000), length: .unknown)
            #expect(try await sender.send(request).status == 200)
            #expect(setup.intake.taken.map(\.bytes.count) == [1_000_000])
        }
    }

    @Test func `no more bodies are taken at once than may be`() async throws {
        var setup = try ServerSetup()
        setup.limits.concurrentWriteCount = 2
        setup.intake.gate.close()
        try await setup.run { asker in
            let sender = asker.bearing("sender")
            async let first = sender.post("/v1/readings", "1")
            async let second = sender.post("/v1/events", "2")
            await setup.intake.gate.untilWaiting(2)
            let third = try await sender.post("/v1/readings", "3")
            #expect(third.status == 503 && third.problem == "busy" && third.header("Retry-After") == "1")
            setup.intake.gate.open()
            #expect(try await [first.status, second.status] == [200, 200])
            #expect(try await sender.post("/v1/readings", "4").status == 200)
        }
    }

    @Test func `a sender who asks for leave to send his body gets it`() async throws {
        let setup = try ServerSetup()
        try await setup.run { asker in
            let reply = try await asker.bearing("sender").post("/v1/readings", "x", [("Expect", "100-continue")])
            #expect(reply.status == 200)
            #expect(setup.intake.taken.map(\.bytes) == [[UInt8(ascii: "x")]])
        }
    }

    @Test func `a payment is recorded, once for each reference`() async throws {
        let setup = try ServerSetup()
        setup.intake.answerTopUp(
            .success(TopUpAnswer(position: Position(9), isRepeated: false)),
            .success(TopUpAnswer(position: Position(9), isRepeated: true)),
            .failure(.refused(Refusal(.referenceReused, "r1 is of another amount"))),
            .failure(.refused(Refusal(.currencyMismatch, "E-1 has EUR"))),
            .failure(.refused(Refusal(.valueSyntax, "no decimal"))),
            .failure(.busy(retryAfterSeconds: 2))
        )
        let body = "{\"device\": \"E-1\", \"amount\": \"12.50\", \"reference\": \"r1\", \"at\": null}"
        let json = [("Content-Type", "application/json")]
        try await setup.run { asker in
            let shop = asker.bearing("shop")
            let first = try await shop.post("/v1/top-ups", body, json)
            #expect(first.status == 200 && first.text == "{\"position\": 9, \"repeated\": false}")
            #expect(first.header("Meterfold-Position") == "9")
            #expect(try await shop.post("/v1/top-ups", body, json).object["repeated"] as? Bool == true)
            let outcomes = [
                (409, "reference-reused"), (409, "currency-mismatch"), (422, "value-syntax"), (503, "busy"),
            ]
            for (status, code) in outcomes {
                let reply = try await shop.post("/v1/top-ups", body, json)
                #expect(reply.status == status && reply.problem == code)
            }
            #expect(setup.intake.topUps.count == 6)
            #expect(setup.intake.topUps[0] == TopUpRequest(device: "E-1", amount: "12.50", reference: "r1"))
            let bad = [
                "", "[]", "{\"device\": \"E-1\", \"amount\": 12.5, \"reference\": \"r1\"}",
                "{\"device\": \"E-1\", \"amount\": \"1\"}",
                "{\"device\": \"E-1\", \"amount\": \"1\", \"reference\": \"r\", \"x\": 1}",
            ]
            for body in bad {
                let reply = try await shop.post("/v1/top-ups", body, json)
                #expect(reply.status == 400 && reply.problem == "bad-body", "\(body)")
            }
            let large = "{\"device\": \"\(String(repeating: "x", count: 70_000))\"}"
            #expect(try await shop.post("/v1/top-ups", large, json).status == 413)
            #expect(try await shop.post("/v1/top-ups", body, [("Content-Type", "text/xml")]).status == 415)
            #expect(setup.intake.topUps.count == 6)
        }
    }
}

private struct Pieces: AsyncSequence, Sendable {
    var count: Int
    var byteCount: Int

    struct AsyncIterator: AsyncIteratorProtocol {
        var left: Int
        var byteCount: Int

        mutating func next() async -> ByteBuffer? {
            guard left > 0 else { return nil }
            left -= 1
            return ByteBuffer(repeating: UInt8(ascii: "x"), count: byteCount)
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(left: count, byteCount: byteCount) }
}
