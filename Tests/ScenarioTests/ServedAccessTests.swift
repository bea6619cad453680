import Foundation
import Glibc
import Testing

/// Whom a server lets in, and over what.
struct ServedAccessTests {
    private static func reading(_ device: String, _ value: Int) -> String {
        #"{"device":"\#(device)","readAt":\#(1_767_225_600 + value),"value":"\#(value)","register":"r","unit":"kWh"}"#
            + "\n"
    }

    private func token(_ scenario: Scenario, _ arguments: String...) throws -> (id: String, secret: String) {
        let outcome = try scenario.run(["token", "create"] + arguments)
        scenario.expect(exit: 0, outcome)
        let secret = try #require(outcome.outputLines.first)
        let parts = secret.split(separator: "_").map(String.init)
        try #require(parts.count == 3)
        return (parts[1], secret)
    }

    private func bearer(_ secret: String) -> [String: String] { ["Authorization": "Bearer \(secret)"] }

    @Test func `A token decides who may do what, and the log says who it was`() throws {
        let scenario = try Scenario()
        let gateway = try token(scenario, "--can", "ingest", "--devices", "A-*")
        let reader = try token(scenario, "--can", "read")
        let server = try Server(scenario, ["--require-tokens", "on"])
        // Over TCP.
        #expect(try server.converse(Self.reading("A-1", 1)).first?.hasPrefix("err 0 unauthorized ") == true)
        func greeting(_ secret: String) -> String { #"{"ack":true,"token":"\#(secret)"}"# }
        let wrong = try server.converse(Self.reading("A-1", 1), greeting: greeting("mf_wrong"))
        #expect(wrong.first?.hasPrefix("err 0 unauthorized ") == true, "\(wrong)")
        let readOnly = try server.converse(Self.reading("A-1", 1), greeting: greeting(reader.secret))
        #expect(readOnly.first?.hasPrefix("err 0 not-allowed ") == true, "\(readOnly)")
        let both = Self.reading("A-1", 1) + Self.reading("B-1", 1)
        let answers = try server.converse(both, greeting: greeting(gateway.secret))
        #expect(answers.first?.hasPrefix("err 2 ") == true, "\(answers)")
        #expect(answers.last == "ok 1 2", "\(answers)")
        // Over HTTP, and as InfluxDB has it.
        #expect(try server.post("/v1/readings", Self.reading("A-1", 2)).status == 401)
        #expect(try server.post("/v1/readings", Self.reading("A-1", 2), headers: bearer("mf_wrong")).status == 401)
        #expect(try server.post("/v1/readings", Self.reading("A-1", 2), headers: bearer(reader.secret)).status == 403)
        #expect(try server.post("/v1/readings", Self.reading("A-1", 2), headers: bearer(gateway.secret)).status == 200)
        let line = "meter,device=A-1,register=r,unit=kWh value=3 1767225603\n"
        let influx = "/api/v2/write?precision=s&org=o&bucket=b"
        #expect(try server.post(influx, line).status == 401)
        #expect(try server.post(influx, line, headers: ["Authorization": "Token \(gateway.secret)"]).status == 204)
        #expect(try server.get("/v1/devices").status == 401)
        #expect(try server.get("/v1/devices", headers: bearer(gateway.secret)).status == 403)
        #expect(try server.get("/v1/devices?atLeast=3", headers: bearer(reader.secret)).rows().count == 1)
        #expect(try server.get("/metrics").status == 401)
        #expect(try server.get("/readyz").status == 200)
        // Withdrawn while it runs.
        scenario.expect(exit: 0, try scenario.run(["token", "revoke", gateway.id]))
        #expect(
            try eventually(within: 10) {
                try server.post("/v1/readings", Self.reading("A-1", 2), headers: bearer(gateway.secret)).status == 401
            }
        )
        let revoked = try server.converse(Self.reading("A-1", 4), greeting: greeting(gateway.secret))
        #expect(revoked.first?.hasPrefix("err 0 unauthorized ") == true, "\(revoked)")
        // Made while it runs.
        let late = try token(scenario, "--can", "ingest")
        #expect(
            try eventually(within: 10) {
                try server.converse(Self.reading("A-1", 5), greeting: greeting(late.secret)).last?.hasPrefix("ok")
                    == true
            }
        )
        // Whoever owns the directory needs none.
        scenario.expect(exit: 0, try scenario.run(["ingest", "-"], reading: Self.reading("A-1", 6)))
        try server.stop()
        let names = try scenario.recorders()
        #expect(names.prefix(3) == ArraySlice(repeating: "token:\(gateway.id)", count: 3), "\(names)")
        #expect(names.last == "cli")
        #expect(names.contains("token:\(late.id)"))
    }

    @Test(arguments: [
        (["--tcp", "0.0.0.0:0", "--http", "127.0.0.1:0"], "serve.tls.certificate"),
        (["--tcp", "127.0.0.1:0", "--http", "[::]:0"], "serve.tls.certificate"),
        (
            [
                "--tcp", "0.0.0.0:0", "--http", "127.0.0.1:0", "--certificate", "c.pem", "--key", "k.pem",
                "--require-tokens", "off",
            ], "serve.requireTokens"
        ),
        (["--tcp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--certificate", "c.pem"], "serve.tls.key"),
        (["--tcp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--key", "k.pem"], "serve.tls.certificate"),
        (["--tcp", "nowhere", "--http", "127.0.0.1:0"], "HOST:PORT"),
        (["--require-tokens", "maybe"], "--require-tokens"),
        (["--log-level", "loud"], "--log-level"),
        (
            ["--tcp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--certificate", "/absent.pem", "--key", "/absent.pem"],
            "/absent.pem"
        ),
    ])
    func `It does not start where it would be open to everybody, and names what to set`(
        _ arguments: [String],
        _ named: String
    ) throws {
        let scenario = try Scenario()
        let outcome = try scenario.run(["serve"] + arguments)
        scenario.expect(exit: 1, outcome)
        #expect(outcome.errors.contains(named), "\(outcome.errors)")
        #expect(outcome.errors.contains("hint"), "\(outcome.errors)")
    }

    /// Makes a certificate of localhost that signs itself; false where openssl is not installed.
    private func certificate(_ scenario: Scenario, _ name: String) throws -> Bool {
        let outcome = try scenario.runOther([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
            "\(scenario.folder)/\(name).key", "-out", "\(scenario.folder)/\(name).pem",
        ])
        if let outcome { scenario.expect(exit: 0, outcome) }
        return outcome != nil
    }

    @Test func `Lines and requests over TLS, with a certificate that is exchanged while it runs`() throws {
        let scenario = try Scenario()
        guard try certificate(scenario, "one"), try certificate(scenario, "two") else { return }
        let folder = scenario.folder
        try FileManager.default.copyItem(atPath: folder + "/one.pem", toPath: folder + "/cert.pem")
        try FileManager.default.copyItem(atPath: folder + "/one.key", toPath: folder + "/key.pem")
        let server = try Server(scenario, ["--certificate", folder + "/cert.pem", "--key", folder + "/key.pem"])
        func send(_ ca: String, _ value: Int) throws -> Outcome {
            let path = try scenario.file("line", Self.reading("A-1", value))
            return try Child(
                [
                    Scenario.binary, "send", "localhost:\(server.tcp)", path, "--tls", "--ca", "\(folder)/\(ca).pem",
                    "--retry-for", "0",
                ],
                input: .nothing,
                folder: folder
            ).wait()
        }
        scenario.expect(exit: 0, try send("one", 1))
        scenario.expect(exit: 1, try send("two", 2))
        func ask(_ ca: String) throws -> Outcome? {
            let url = "https://localhost:\(server.http)/v1/devices?atLeast=1"
            return try scenario.runOther(["curl", "-sS", "--fail", "--cacert", "\(folder)/\(ca).pem", url])
        }
        if let asked = try ask("one") {
            scenario.expect(exit: 0, asked)
            #expect(asked.output.contains("A-1"))
            #expect(try ask("two")?.exitCode != 0)
        }
        // As programs that renew certificates do it: the key and then the certificate take the place of the old.
        for (new, old) in [("two.key", "key.pem"), ("two.pem", "cert.pem")] {
            #expect(rename("\(folder)/\(new)", "\(folder)/\(old)") == 0)
        }
        try FileManager.default.copyItem(atPath: folder + "/cert.pem", toPath: folder + "/two.pem")
        #expect(try eventually { try send("two", 3).exitCode == 0 }, "lines are served with the old certificate")
        scenario.expect(exit: 1, try send("one", 4))
        if let asked = try ask("two") { scenario.expect(exit: 0, asked) }
        try server.stop()
        #expect(try scenario.recorders().count == 2)
    }
}
