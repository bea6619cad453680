import Access
import AsyncHTTPClient
import Foundation
import MeterModel
import NIOHTTP1
import SharedFiles
import Testing

@testable import QueryAPI

@Suite struct InfluxTests {
    @Test func `what Telegraf sends comes to the intake byte for byte`() async throws {
        let setup = try ServerSetup()
        let body = try telegraf()
        try await setup.run { asker in
            let one = try await asker.bearing(nil).post(
                "/write?db=telegraf&precision=s&profile=telegraf&consistency=any&u=x&p=sender",
                body,
                [("Content-Type", "text/plain; charset=utf-8"), ("Content-Encoding", "gzip")]
            )
            #expect(one.status == 204 && one.bytes.isEmpty && one.header("X-Influxdb-Version") != nil)
            #expect(one.header("Meterfold-Position") == "7")
            let two = try await asker.bearing(nil).post(
                "/api/v2/write?org=o&bucket=b",
                body,
                [("Authorization", "Token sender")]
            )
            #expect(two.status == 204)
        }
        let taken = setup.intake.taken
        try #require(taken.count == 2)
        #expect(taken.allSatisfy { $0.bytes == Array(body.utf8) && $0.principal.recordedBy == "token:3" })
        #expect(
            taken[0].request
                == IntakeRequest(
                    kind: .lineProtocol,
                    parameters: ["precision": "s", "profile": "telegraf"],
                    isGzip: true
                )
        )
        #expect(taken[1].request == IntakeRequest(kind: .lineProtocol, parameters: ["precision": "ns"]))
    }

    @Test func `precisions have one name each`() async throws {
        let setup = try ServerSetup()
        let names = ["n", "ns", "u", "us", "%C2%B5", "ms", "s", "m", "h"]
        try await setup.run { asker in
            for name in names {
                let reply = try await asker.bearing("sender").post("/write?precision=\(name)", "x")
                #expect(reply.status == 204)
            }
            #expect(try await asker.bearing("sender").post("/write?precision=d", "x").status == 400)
        }
        #expect(
            setup.intake.taken.map { $0.request.parameters["precision"] }
                == ["ns", "ns", "us", "us", "us", "ms", "s", "m", "h"]
        )
    }

    @Test func `partial writes and faults are told in InfluxDB's words`() async throws {
        let setup = try ServerSetup()
        let line = IntakeAnswer.RefusedLine(line: 3, code: "value-syntax", text: "no number")
        let partial = IntakeAnswer(accepted: 5, rejected: 2, errors: [line], durable: Position(9))
        setup.intake.answer(
            .success(partial),
            .success(partial),
            .failure(.unavailable(reason: "the disk is full")),
            .failure(.busy(retryAfterSeconds: 3))
        )
        try await setup.run { asker in
            let sender = asker.bearing("sender")
            let text = "partial write: line 3: no number (value-syntax) dropped=2"
            let one = try await sender.post("/write", "x")
            #expect(one.status == 400 && one.text == "{\"error\": \"\(text)\"}")
            let two = try await sender.post("/api/v2/write", "x")
            #expect(two.status == 400 && two.text == "{\"code\": \"invalid\", \"message\": \"\(text)\"}")
            let full = try await sender.post("/write", "x")
            #expect(full.status == 503 && full.object["error"] as? String == "the disk is full")
            let busy = try await sender.post("/api/v2/write", "x")
            #expect(busy.status == 503 && busy.object["code"] as? String == "unavailable")
            #expect(busy.header("Retry-After") == "3")
            let nobody = try await asker.bearing(nil).post("/write", "x")
            #expect(nobody.status == 401 && nobody.object["error"] as? String == "authorization failed")
            let stranger = try await asker.bearing("x").post("/api/v2/write", "x")
            #expect(stranger.status == 401 && stranger.object["code"] as? String == "unauthorized")
            let reader = try await asker.bearing("reader").post("/api/v2/write", "x")
            #expect(reader.status == 403 && reader.object["code"] as? String == "forbidden")
        }
    }

    @Test func `the password of basic credentials is the token`() async throws {
        let setup = try ServerSetup()
        let basic = Data("user:sender".utf8).base64EncodedString()
        try await setup.run { asker in
            let write = try await asker.post("/write", "x", [("Authorization", "Basic \(basic)")])
            #expect(write.status == 204)
            // Nowhere else.
            let readings = try await asker.post("/v1/readings", "x", [("Authorization", "Basic \(basic)")])
            #expect(readings.status == 401)
        }
    }

    @Test func `clients find what they look for before they write`() async throws {
        let setup = try ServerSetup()
        try await setup.run { asker in
            for path in ["/ping", "/ping?verbose=true"] {
                let ping = try await asker.bearing(nil).get(path)
                #expect(ping.status == 204 && ping.header("X-Influxdb-Version")?.isEmpty == false)
            }
            let head = try await asker.bearing(nil).send(asker.bearing(nil).request(.HEAD, "/ping"))
            #expect(head.status == 204)
            let health = try await asker.bearing(nil).get("/health")
            #expect(health.status == 200 && health.object["status"] as? String == "pass")
            let sender = asker.bearing("sender")
            let form = try await sender.post(
                "/query",
                "q=CREATE+DATABASE+%22telegraf%22",
                [("Content-Type", "application/x-www-form-urlencoded")]
            )
            #expect(form.status == 200 && form.text == "{\"results\": [{\"statement_id\": 0}]}")
            #expect(try await sender.get("/query?q=create%20database%20x").status == 200)
            let other = try await sender.get("/query?q=SELECT+1")
            #expect(other.status == 400 && other.object["error"] != nil)
            #expect(setup.intake.taken.isEmpty)
        }
    }

    /// Lines as Telegraf's serializer writes them, and with them the published ones that encoders must write so.
    private func telegraf() throws -> String {
        let lines = """
            modbus,host=gw1,name=E-1,slave_id=1,type=holding_register energy=1234.5,voltage=229.9 1735689600000000000
            mqtt_consumer,host=gw\\ 2,topic=meters/W-2/volume water_volume=17i 1735689600000000000

            """
        guard SharedFolder.isThere else { return lines }
        let bytes = try SharedFolder.bytes("fixtures/suites/influx-line-protocol/corpus_subset.json")
        let corpus = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
        let cases = try #require(corpus?["decode"] as? [String: [String: [String: Any]]])
        let texts = cases.sorted { $0.key < $1.key }.compactMap { $0.value["input"]?["text"] as? String }
        #expect(texts.count > 100)
        return lines + texts.joined(separator: "\n")
    }
}
