import Foundation
import Logging
import Testing

@testable import meterfold

/// What decides, and what is refused, before anything is served.
struct SettingsTests {
    /// What is in force with a file of such a text.
    private func load(
        _ text: String,
        flags: [String: String] = [:],
        environment: [String: String] = [:]
    ) throws -> AppConfiguration {
        let path = FileManager.default.temporaryDirectory.appending(path: "settings-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try text.write(toFile: path + "/meterfold.yaml", atomically: true, encoding: .utf8)
        return try AppConfiguration.load(DataDirectory(path: path), flags: flags, environment: environment)
    }

    private func failure(
        _ text: String,
        flags: [String: String] = [:],
        environment: [String: String] = [:]
    ) throws -> Failure {
        try #require(throws: Failure.self) { try load(text, flags: flags, environment: environment) }
    }

    private func text(_ failure: Failure) -> String { "\(failure.place) \(failure.cause) \(failure.hint)" }

    @Test func `A flag goes before the environment, that before the file, that before the default`() throws {
        let file = "serve:\n  tcp: 127.0.0.1:1\n  idleSeconds: 10\n"
        let environment = ["METERFOLD_SERVE_TCP": "127.0.0.1:2", "METERFOLD_SERVE_LOG_LEVEL": "debug"]
        #expect(try load("").serve.tcp.port == 4090)
        #expect(try load(file).serve.tcp.port == 1)
        let two = try load(file, environment: environment).serve
        #expect(two.tcp.port == 2 && two.idleSeconds == 10 && "\(two.logLevel)" == "debug" && two.http.port == 4091)
        let three = try load(file, flags: ["serve.tcp": "[::1]:3"], environment: environment).serve
        #expect(three.tcp == ServeSettings.Endpoint(host: "::1", port: 3) && three.idleSeconds == 10)
    }

    @Test(arguments: [
        ("serve.tls.clientCA", "METERFOLD_SERVE_TLS_CLIENT_CA", "--client-ca"),
        ("serve.requireTokens", "METERFOLD_SERVE_REQUIRE_TOKENS", "--require-tokens"),
        ("serve.log.format", "METERFOLD_SERVE_LOG_FORMAT", "--log-format"),
        ("serve.connectionsPerAddress", "METERFOLD_SERVE_CONNECTIONS_PER_ADDRESS", "--connections-per-address"),
    ])
    func `Each key has a variable and a flag, which faults name`(
        _ key: String,
        _ variable: String,
        _ flag: String
    ) throws {
        let file = try SettingsFile(path: "/nonexistent/meterfold.yaml")
        let byVariable = SettingValues(file: file, environment: [variable: "there"])
        #expect(byVariable.text(key) == "there" && byVariable.place(of: key) == variable)
        let byFlag = SettingValues(file: file, flags: [key: "here"], environment: [variable: "there"])
        #expect(byFlag.text(key) == "here" && byFlag.place(of: key) == flag)
    }

    @Test func `A key that is no setting is refused with its line`() throws {
        let found = try failure("views:\n  hours: on\nserve:\n  # a comment\n  port: 5\n")
        #expect(found.place.hasSuffix("meterfold.yaml, line 5") && found.cause == "'serve.port' is no setting")
        let channel = try failure("push:\n  channels:\n    shop:\n      url: https://shop.test/\n      uri: x\n")
        #expect(channel.place.hasSuffix("line 5") && channel.cause.contains("push.channels.shop.uri"))
    }

    @Test(arguments: [
        ("serve: { tcp: here }", "serve.tcp"), ("serve: { tcp: \"127.0.0.1:70000\" }", "serve.tcp"),
        ("serve: { idleSeconds: 0 }", "serve.idleSeconds"), ("serve: { requireTokens: maybe }", "serve.requireTokens"),
        ("serve: { log: { level: loud } }", "serve.log.level"), ("views: { hours: perhaps }", "views.hours"),
        ("log: { segmentBytes: 5 }", "log.segmentBytes"), ("ingest: { defaults: { unit: furlong } }", "unit"),
    ])
    func `A value that is none is refused with its line`(_ text: String, _ key: String) throws {
        let found = try failure(text)
        #expect(found.place.hasSuffix("line 1") && found.cause.contains(key) && !found.hint.isEmpty)
    }

    private static let tls = "  tls: { certificate: /c.pem, key: /k.pem }\n"

    @Test(arguments: ["0.0.0.0", "192.168.1.5", "[::]", "127.example.com", "127.0.0.1.example.com", "meters.example"])
    func `Off loopback nobody is served in clear text or unknown`(_ host: String) throws {
        for key in ["tcp", "http"] {
            let file = "serve:\n  \(key): \"\(host):4090\"\n"
            #expect(try failure(file).cause.contains("no TLS"))
            #expect(try load(file + Self.tls).serve.requiresTokens)
            let open = try failure(file + Self.tls + "  requireTokens: off\n")
            #expect(open.cause.contains("tokens are off"))
            let flagged = try failure(
                "serve:\n" + Self.tls,
                flags: ["serve.\(key)": "\(host):1", "serve.requireTokens": "off"]
            )
            #expect(flagged.place == "--require-tokens")
        }
    }

    @Test(arguments: ["127.0.0.1", "127.3.2.1", "localhost", "[::1]"])
    func `On loopback neither is needed, and both may be had`(_ host: String) throws {
        let file = "serve:\n  tcp: \"\(host):0\"\n"
        let plain = try load(file).serve
        #expect(plain.tls == nil && !plain.requiresTokens)
        #expect(try load(file + "  requireTokens: on\n").serve.requiresTokens)
        #expect(try load(file + Self.tls).serve.tls == ServeSettings.TLSFiles(certificate: "/c.pem", key: "/k.pem"))
    }

    @Test(arguments: ["certificate: /c.pem", "key: /k.pem", "clientCA: /a.pem"])
    func `Half of what TLS needs is refused, not passed over`(_ half: String) throws {
        let found = try failure("serve:\n  tls:\n    \(half)\n")
        #expect(found.place.hasSuffix("line 3") && found.hint.contains("serve.tls."))
    }

    @Test func `Nothing secret is printed, nor told in a fault`() throws {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        func channel(_ rest: String) -> String {
            "push:\n  channels:\n    shop:\n      secrets: [\(secret)]\n\(rest)"
        }
        let url = "      url: https://me:pass@shop.test/hook?key=hidden#part\n"
        let lines = try load(channel("      url: https://shop.test/hook?key=hidden\n")).serve.lines.joined(
            separator: "\n"
        )
        #expect(lines.contains("push.channels.shop: https://shop.test/hook, 1 secrets"))
        #expect(!lines.contains(secret) && !lines.contains("hidden"))
        let faults = [
            channel(url + "      concurrency: 900\n"), channel(url + "      colour: red\n"),
            channel("      url: ftp://me:pass@shop.test/?key=hidden\n"),
            "push:\n  channels:\n    shop:\n      url: https://shop.test/\n      secrets: [\(secret)x, \"\(secret)\"y]\n",
            "push:\n  channels:\n    shop: { url: \"https://shop.test/\", secrets: [\(secret)\n",
            "push:\n  channels:\n    shop: { url: \"https://shop.test/\", secrets: [\(secret)!] }\n",
        ]
        for file in faults {
            let told = text(try failure(file))
            #expect(!told.contains("MfKQ9r8") && !told.contains("hidden") && !told.contains("pass"), "\(told)")
        }
    }

    @Test func `What is no YAML, no mapping or too large is refused with the file`() throws {
        for text in ["a: [", "- a\n- b\n", "just words", String(repeating: "# long\n", count: 200_000)] {
            #expect(try failure(text).place.contains("meterfold.yaml"), "\(text.prefix(20))")
        }
        #expect(try load("# nothing\n").serve.lines == AppConfiguration.loadedDefaults.lines)
    }
}

extension AppConfiguration {
    fileprivate static var loadedDefaults: ServeSettings { ServeSettings() }
}
