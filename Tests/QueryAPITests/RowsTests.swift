import AsyncHTTPClient
import Foundation
import MeterModel
import NIOHTTP1
import ReadModel
import Testing

@testable import QueryAPI

@Suite struct RowsTests {
    private static let views = [
        "devices", "consumption", "balance", "ledger", "arrears", "episodes", "pushes", "anomalies",
    ]

    @Test func `every view answers with position and rows as the query prints them`() async throws {
        let setup = try ServerSetup()
        let queries: [String: ViewQuery.View] = [
            "devices": .devices, "consumption": .consumption(by: .day), "balance": .balance, "ledger": .ledger,
            "arrears": .arrears, "episodes": .episodes, "pushes": .pushes, "anomalies": .anomalies,
        ]
        try await setup.run { asker in
            for name in RowsTests.views {
                let reply = try await asker.get("/v1/\(name)")
                #expect(reply.status == 200, "\(name): \(reply.text)")
                #expect(reply.header("Content-Type") == "application/json")
                #expect(reply.header("Meterfold-Position") == "42")
                #expect(reply.object["position"] as? Int == 42)
                #expect(reply.next == nil && reply.object.keys.contains("next"))
                let view = try #require(queries[name])
                let printed = try printed(setup.views, ViewQuery(view))
                #expect(!printed.isEmpty && reply.rows == printed)
                let one = try await asker.get("/v1/\(name)?device=W-2")
                #expect(one.rows == printed.filter { $0.contains("\"W-2\"") } && !one.rows.isEmpty)
                let nobody = try await asker.get("/v1/\(name)?device=nobody")
                #expect(nobody.status == 200 && nobody.rows.isEmpty)
            }
        }
    }

    @Test func `beneath a device are its rows, and nothing where nobody named it`() async throws {
        let setup = try ServerSetup()
        try await setup.run { asker in
            for name in RowsTests.views.dropFirst() {
                let reply = try await asker.get("/v1/devices/E-1/\(name)")
                #expect(reply.status == 200 && !reply.rows.isEmpty, "\(name): \(reply.text)")
                #expect(reply.rows.allSatisfy { $0.contains("\"E-1\"") })
                #expect(try await asker.get("/v1/devices/nobody/\(name)").problem == "unknown-device")
            }
            #expect(try await asker.get("/v1/devices/E-1").rows.count == 1)
            let escaped = try await asker.get("/v1/devices/a%2Fb%20%C3%BC+%25")
            #expect(escaped.rows.count == 1 && escaped.rows[0].hasPrefix("{\"device\": \"a/b ü+%\""))
            let unknown = try await asker.get("/v1/devices/E-9")
            #expect(unknown.status == 404 && unknown.problem == "unknown-device")
            #expect(unknown.object["position"] as? Int == 42)
        }
    }

    @Test func `pages bring every row once, as JSON and as CSV`() async throws {
        let setup = try ServerSetup(TemporaryViews(devices: 40))
        try await setup.run { asker in
            for name in RowsTests.views {
                let all = try await asker.get("/v1/\(name)")
                let limit = Int.random(in: 1...9)
                var rows: [String] = []
                var path: String? = "/v1/\(name)?limit=\(limit)"
                while let asked = path, rows.count <= all.rows.count {
                    let page = try await asker.get(asked)
                    #expect(page.rows.count <= limit)
                    rows += page.rows
                    path = page.next.map { "/v1/\(name)?limit=\(limit)&cursor=\($0)" }
                }
                #expect(rows == all.rows, "\(name) by \(limit)")
            }
            let csv = [("Accept", "text/csv")]
            let all = try await asker.get("/v1/consumption", csv)
            var lines: [String] = []
            var path: String? = "/v1/consumption?limit=7&from=2025-01-01"
            while let asked = path {
                let page = try await asker.get(asked, csv)
                #expect(page.header("Content-Type") == "text/csv; charset=utf-8; header=present")
                #expect(page.header("Meterfold-Position") == "42")
                lines += page.text.split(separator: "\n").dropFirst().map(String.init)
                path = page.header("Link").map { link in
                    #expect(link.hasSuffix(">; rel=\"next\""))
                    return String(link.dropFirst().prefix { $0 != ">" })
                }
            }
            #expect(lines == all.text.split(separator: "\n").dropFirst().map(String.init) && lines.count == 120)
        }
    }

    @Test func `a page ends early where its bytes are many`() async throws {
        var setup = try ServerSetup(TemporaryViews(devices: 800))
        setup.limits.pageByteCount = 100_000
        try await setup.run { asker in
            let page = try await asker.get("/v1/consumption?limit=10000")
            #expect(page.next != nil && page.rows.count < 2400)
            #expect(page.bytes.count < 200_000)
        }
    }

    @Test func `spans and buckets are as the query has them`() async throws {
        let setup = try ServerSetup()
        try await setup.run { asker in
            let one = try await asker.get("/v1/consumption?from=2025-01-02&to=2025-01-03&by=day")
            #expect(one.rows.count == 3)
            #expect(one.rows.allSatisfy { $0.contains("\"start\": \"2025-01-02T00:00:00+00:00\"") })
            // Forms take a plus for a space; in a time it stands for itself all the same.
            for plus in ["+", "%2B"] {
                let later = try await asker.get("/v1/devices/E-1/consumption?from=2025-01-02T01:00:00\(plus)01:00")
                #expect(later.rows.count == 2)
            }
            #expect(try await asker.get("/v1/consumption?by=month").rows.isEmpty)
        }
    }

    @Test func `what is wrong with a question is told`() async throws {
        let setup = try ServerSetup()
        try await setup.run { asker in
            let cursor = try #require(try await asker.get("/v1/balance?limit=1").next)
            let cases = [
                ("/v1/consumption?by=week", 400, "bad-parameter"), ("/v1/balance?by=day", 400, "bad-parameter"),
                ("/v1/balance?limit=0", 400, "bad-parameter"), ("/v1/balance?limit=10001", 400, "bad-parameter"),
                ("/v1/ledger?from=yesterday", 400, "bad-parameter"),
                ("/v1/ledger?to=2025-01-01&to=2025-01-02", 400, "bad-parameter"),
                ("/v1/ledger?%zz=1", 400, "bad-parameter"), ("/v1/balance?atLeast=x", 400, "bad-parameter"),
                ("/v1/balance?wait=11", 400, "bad-parameter"), ("/v1/balance?cursor=AAAA", 400, "bad-cursor"),
                ("/v1/devices?cursor=\(cursor)", 400, "bad-cursor"), ("/v1/nothing", 404, "not-found"),
                ("/v1/devices/E-1/consumption/x", 404, "not-found"), ("/", 404, "not-found"),
                ("/v1/balance?cursor=\(String(repeating: "A", count: 9000))", 414, "query-too-long"),
            ]
            for (path, status, code) in cases {
                let reply = try await asker.get(path)
                #expect(reply.status == status && reply.problem == code, "\(path.prefix(80)): \(reply.text)")
                #expect(!reply.text.contains(setup.views.directory))
            }
            let accept = try await asker.get("/v1/balance", [("Accept", "image/png, text/html;q=0.9")])
            #expect(accept.status == 406 && accept.problem == "not-acceptable")
            let preferred = try await asker.get(
                "/v1/balance",
                [("Accept", "text/csv;q=0.5, application/*, */*;q=0.1")]
            )
            #expect(preferred.header("Content-Type") == "application/json")
            let method = try await asker.post("/v1/balance", "")
            #expect(method.status == 405 && method.problem == "method-not-allowed")
            #expect(method.header("Allow") == "GET, HEAD")
            let head = try await asker.send(asker.request(.HEAD, "/v1/balance"))
            #expect(head.status == 200 && head.bytes.isEmpty && head.header("Meterfold-Position") == "42")
        }
    }

    @Test func `what is there already is not sent again`() async throws {
        let setup = try ServerSetup()
        try await setup.run { asker in
            let tag = try #require(try await asker.get("/v1/balance").header("ETag"))
            let again = try await asker.get("/v1/balance", [("If-None-Match", "\"x\", \(tag)")])
            #expect(again.status == 304 && again.bytes.isEmpty && again.header("Meterfold-Position") == "42")
            let other = try await asker.bearing("east").get("/v1/balance", [("If-None-Match", tag)])
            #expect(other.status == 200)
        }
    }

    @Test func `an answer waits for a position, and says so where it does not come`() async throws {
        let setup = try ServerSetup()
        try await setup.run { asker in
            #expect(try await asker.get("/v1/balance?atLeast=42").status == 200)
            let late = try await asker.get("/v1/balance?atLeast=43&wait=0")
            #expect(late.status == 503 && late.problem == "not-yet" && late.header("Retry-After") == "1")
            #expect(late.object["position"] as? Int == 42)
            async let waiting = asker.get("/v1/balance?atLeast=43")
            try TemporaryViews.write(path: setup.views.path, devices: 3, position: 43)
            setup.freshness.move(to: 43)
            let reply = try await waiting
            #expect(reply.status == 200 && reply.object["position"] as? Int == 43)
        }
    }

    @Test func `views without hours, no views, and other views in their place`() async throws {
        let views = try TemporaryViews(hours: false)
        let setup = try ServerSetup(views)
        try await setup.run { asker in
            let hours = try await asker.get("/v1/consumption?by=hour")
            #expect(hours.status == 409 && hours.problem == "hours-are-off")
            for suffix in ["", "-wal", "-shm"] { unlinkIfThere(views.path + suffix) }
            setup.pool.reopen()
            let gone = try await asker.get("/v1/devices")
            #expect(gone.status == 503 && gone.problem == "unavailable")
            #expect(!gone.text.contains(views.directory))
            try TemporaryViews.write(path: views.path, devices: 1, position: 50)
            #expect(try await asker.get("/v1/devices").object["position"] as? Int == 50)
        }
    }

    private func printed(_ views: TemporaryViews, _ query: ViewQuery) throws -> [String] {
        var bytes: [UInt8] = []
        let sink = RowFormat.ndjson.makeSink { bytes.append(contentsOf: $0) }
        let store = try ViewStore.openForReading(path: views.path)
        try store.read { try $0.run(query, zones: UniversalTime(), into: sink) }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

private func unlinkIfThere(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
