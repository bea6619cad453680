import Access
import AsyncHTTPClient
import HTTPTypes
import MeterModel
import NIOCore
import NIOHTTP1
import Testing

@testable import QueryAPI

@Suite struct EntranceTests {
    @Test func `without a token, with a wrong one, and without the right`() async throws {
        var setup = try ServerSetup()
        setup.control = ScriptedControl()
        try await setup.run { asker in
            for endpoint in Routes(setup.seams, setup.limits, closing: Closing()).endpoints {
                guard case .anyOf(let rights) = endpoint.admission else { continue }
                let path = endpoint.path.replacing("{device}", with: "E-1").replacing("{command}", with: "x")
                func status(_ token: String?) async throws -> Int {
                    var request = asker.bearing(token).request(.init(rawValue: endpoint.method.rawValue), path)
                    if endpoint.method == .post { request.body = .bytes(ByteBuffer()) }
                    return try await asker.bearing(token).send(request).status
                }
                #expect(try await status(nil) == 401, "\(path)")
                #expect(try await status("stranger") == 401, "\(path)")
                for (token, principal) in TokenTable.all.principals where !rights.contains(where: principal.may) {
                    #expect(try await status(token) == 403, "\(path) as \(token)")
                }
            }
            let missing = try await asker.bearing(nil).get("/v1/balance")
            #expect(missing.problem == "token-missing" && missing.header("WWW-Authenticate") != nil)
            #expect(try await asker.bearing("stranger").get("/v1/balance").problem == "token-refused")
            #expect(try await asker.bearing("sender").get("/v1/balance").problem == "not-allowed")
            let token = try await asker.get("/v1/balance", [("Authorization", "token reader")])
            #expect(token.status == 200)
            #expect(try await asker.get("/v1/balance", [("Authorization", "reader")]).status == 401)
            #expect(try await asker.bearing(nil).get("/v1/balance?p=reader").status == 401)
        }
    }

    @Test func `a token sees the devices it is about, and no others`() async throws {
        let setup = try ServerSetup(TemporaryViews(devices: 20))
        try await setup.run { asker in
            let east = asker.bearing("east")
            for name in ["devices", "consumption", "balance", "ledger", "arrears", "episodes", "pushes", "anomalies"] {
                let all = try await asker.get("/v1/\(name)").rows
                var rows: [String] = []
                var path: String? = "/v1/\(name)?limit=3"
                while let asked = path {
                    let page = try await east.get(asked)
                    rows += page.rows
                    path = page.next.map { "/v1/\(name)?limit=3&cursor=\($0)" }
                }
                #expect(rows == all.filter { $0.contains("\"device\": \"E-") } && !rows.isEmpty, "\(name)")
                #expect(try await east.get("/v1/\(name)?device=W-2").rows.isEmpty)
                guard name != "devices" else { continue }
                #expect(try await east.get("/v1/devices/W-2/\(name)").problem == "unknown-device")
            }
            #expect(try await east.get("/v1/devices/W-2").problem == "unknown-device")
            #expect(try await east.get("/v1/devices/E-1").status == 200)
            #expect(try await east.get("/v1/devices/W-2/explain").problem == "unknown-device")
            let topUp = "{\"device\": \"W-2\", \"amount\": \"1\", \"reference\": \"r\"}"
            let refused = try await east.post("/v1/top-ups", topUp, [("Content-Type", "application/json")])
            #expect(refused.status == 403 && refused.problem == "not-allowed" && setup.intake.topUps.isEmpty)
        }
    }

    @Test func `explanations, states and what is not offered`() async throws {
        var setup = try ServerSetup()
        try await setup.run { asker in
            let one = try await asker.get("/v1/devices/E-1/explain?on=2025-01-02")
            #expect(one.status == 200 && one.text == "{\"device\": \"E-1\", \"day\": \"2025-01-02\"}")
            #expect(one.header("Meterfold-Position") == "42")
            #expect(try await asker.get("/v1/explain?device=E-1").object["day"] as? String == "all")
            #expect(try await asker.get("/v1/explain").problem == "bad-parameter")
            #expect(try await asker.get("/v1/explain?device=E-1&on=x").problem == "bad-parameter")
            #expect(try await asker.get("/v1/devices/E-9/explain").problem == "unknown-device")
            for path in ["/healthz", "/readyz"] { #expect(try await asker.bearing(nil).get(path).status == 200) }
            let metrics = try await asker.get("/metrics")
            #expect(metrics.text == "meterfold_up 1\n")
            #expect(metrics.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
            for reply in [one, metrics] {
                #expect(reply.header("X-Content-Type-Options") == "nosniff")
                #expect(reply.header("Cache-Control") == "no-store")
            }
            #expect(try await asker.bearing("chief").post("/control/x", "").status == 404)
        }
        setup = try ServerSetup()
        setup.offersEverything = false
        setup.state.isReady = false
        setup.access = OpenAccess(as: .local)
        try await setup.run { asker in
            let open = asker.bearing(nil)
            #expect(try await open.get("/healthz").status == 200)
            let ready = try await open.get("/readyz")
            #expect(ready.status == 503 && ready.problem == "unavailable" && ready.text.contains("the disk is full"))
            #expect(try await open.get("/health").status == 503)
            for path in ["/v1/explain?device=x", "/v1/feed"] {
                #expect(try await open.get(path).problem == "not-offered")
            }
            #expect(try await open.post("/v1/readings", "x").problem == "not-offered")
        }
    }
}
