import Foundation
import Glibc
import Testing

/// Tokens by the command line.
struct TokenTests {
    /// Makes a token and returns its text and id.
    private func create(_ scenario: Scenario, _ arguments: String...) throws -> (text: String, id: String) {
        let outcome = try scenario.run(["token", "create"] + arguments)
        scenario.expect(exit: 0, outcome)
        let text = try #require(outcome.outputLines.first)
        #expect(outcome.outputLines.count == 1)
        let parts = text.split(separator: "_").map(String.init)
        try #require(parts.count == 3 && parts[0] == "mf")
        #expect(outcome.errors.contains(parts[1]))
        #expect(!outcome.errors.contains(parts[2]))
        return (text, parts[1])
    }

    private func list(_ scenario: Scenario) throws -> [Row] {
        let outcome = try scenario.run(["token", "list", "--format", "json"])
        scenario.expect(exit: 0, outcome)
        return try Row.array(outcome.output)
    }

    @Test func `A token is printed once and listed without its secret`() throws {
        let scenario = try Scenario()
        #expect(try list(scenario).isEmpty)
        let made = try create(
            scenario,
            "--can",
            "read,ingest",
            "--can",
            "top-up",
            "--devices",
            "E-*",
            "--expires",
            "90d",
            "--note",
            "shop"
        )
        let row = try #require(try list(scenario).first)
        #expect(row["id"] == made.id)
        #expect(row["state"] == "active")
        #expect(row[json: "can"] == #"["read","ingest","top-up"]"#)
        #expect(row["devices"] == "E-*")
        #expect(row["note"] == "shop")
        let secret = try #require(made.text.split(separator: "_").last)
        for format in ["text", "json"] {
            let outcome = try scenario.run(["token", "list", "--format", format])
            #expect(outcome.output.contains(made.id))
            #expect(!outcome.output.contains(secret))
        }
        let kept = try String(contentsOfFile: scenario.data + "/tokens", encoding: .utf8)
        #expect(!kept.contains(secret))
    }

    @Test func `A revoked token is listed as such`() throws {
        let scenario = try Scenario()
        let first = try create(scenario, "--can", "admin")
        let second = try create(scenario, "--can", "read")
        scenario.expect(exit: 0, try scenario.run(["token", "revoke", first.id]))
        #expect(try list(scenario).map { $0["state"] } == ["revoked", "active"])
        #expect(try list(scenario).map { $0["id"] } == [first.id, second.id])
        scenario.expect(exit: 1, try scenario.run(["token", "revoke", "nosuchtoken"]))
    }

    @Test func `Tokens made at the same time are all kept`() throws {
        let scenario = try Scenario()
        let children = try (0..<8).map { _ in try scenario.start(["token", "create", "--can", "read"]) }
        let texts = try children.map { try $0.wait().output }
        let ids = texts.compactMap { $0.split(separator: "_").dropFirst().first.map(String.init) }
        #expect(Set(try list(scenario).map { $0["id"] }) == Set(ids))
        #expect(Set(ids).count == 8)
    }

    @Test func `Tokens may be made while another command holds the directory`() throws {
        let scenario = try Scenario()
        let holder = try scenario.start(["ingest", "-"], input: .pipe)
        _ = try create(scenario, "--can", "ingest")
        scenario.expect(exit: 0, try holder.wait())
    }

    @Test(arguments: [
        [], ["--can", "fly"], ["--can", "read", "--expires", "soon"], ["--can", "read", "--devices", ""],
    ])
    func `What cannot be meant is a fault of usage`(_ arguments: [String]) throws {
        let scenario = try Scenario()
        scenario.expect(exit: 64, try scenario.run(["token", "create"] + arguments))
        #expect(try list(scenario).isEmpty)
    }

    @Test func `An expiry gone by makes no token`() throws {
        let scenario = try Scenario()
        let outcome = try scenario.run(["token", "create", "--can", "read", "--expires", "2020-01-01T00:00:00Z"])
        scenario.expect(exit: 1, outcome)
        #expect(outcome.errors.contains("expired"))
        #expect(try list(scenario).isEmpty)
    }

    @Test func `Without a data directory there are no tokens`() throws {
        let scenario = try Scenario(initialised: false)
        scenario.expect(exit: 1, try scenario.run(["token", "create", "--can", "read"]))
        scenario.expect(exit: 1, try scenario.run(["token", "list"]))
    }
}
