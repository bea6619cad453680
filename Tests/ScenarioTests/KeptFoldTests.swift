import Foundation
import MeterModel
import Testing

/// A server that begins from the fold that was kept beside the views.
struct KeptFoldTests {
    /// Enough for the fold to be kept at an end.
    private static let readingCount = 1_060_000
    private static let deviceCount = 500

    /// Readings of many devices, round by round.
    private static func readings() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(readingCount * 44)
        for i in 0..<readingCount {
            let (round, device) = (i / deviceCount, i % deviceCount)
            let value = "\(round * (device % 7 + 1))"
            bytes.append(contentsOf: "m,device=D-\(device) value=\(value) \(1_735_689_600 + round * 900)\n".utf8)
        }
        return bytes
    }

    private static let declarations = """
        {"event":"TariffPublished","tariff":"t","unit":"kWh","currency":"EUR","timezone":"Europe/Berlin",\
        "versions":[{"from":"2025-01-01","default":"0.30","standingCharge":"0.25"}]}
        {"event":"DeviceRegistered","device":"D-0","utility":"electricity","tariff":"t","from":"2025-01-01"}
        {"event":"DeviceRegistered","device":"D-1","utility":"electricity","tariff":"t","from":"2025-01-01"}
        {"event":"TopUpReceived","device":"D-0","amount":"50","currency":"EUR","provider":"p","reference":"1",\
        "at":"2025-01-02T00:00:00Z"}

        """

    /// Tells a server of something more, and waits until the views show it: they are folded then.
    private func tell(_ server: Server, _ reference: Int) throws -> Int {
        let paid = try server.post("/v1/top-ups", #"{"device":"D-1","amount":"1","reference":"more \#(reference)"}"#)
        #expect(paid.status == 200, "\(paid)")
        let position = try #require(try paid.row()[integer: "position"])
        #expect(try eventually { try server.get("/v1/balance?atLeast=\(position)").status == 200 })
        return position
    }

    private func loadedPosition(_ outcome: Outcome) -> Int? {
        let text = "events loaded as of position "
        return outcome.errors.firstRange(of: text).flatMap {
            Int(outcome.errors[$0.upperBound...].prefix { $0.isNumber })
        }
    }

    @Test func `Killed and started again, it goes on from there, and its views are those of a rebuild`() throws {
        let scenario = try Scenario()
        let fold = scenario.data + "/views.fold"
        scenario.expect(exit: 0, try scenario.run(["ingest", "-"], reading: Self.declarations))
        #expect(!FileManager.default.fileExists(atPath: fold), "so few are folded faster than they are read")
        let ingest = ["ingest", "--precision", "s", "--utility", "electricity", "-"]
        scenario.expect(exit: 0, try scenario.run(ingest, reading: Self.readings()))
        #expect(FileManager.default.fileExists(atPath: fold))
        let kept = Self.readingCount + 4
        for round in 1...2 {
            let server = try Server(scenario)
            _ = try tell(server, round)
            #expect(loadedPosition(try server.kill()) == kept)
        }
        let third = try Server(scenario)
        _ = try tell(third, 3)
        #expect(loadedPosition(try third.stop()) == kept)
        // A command that writes begins from it too: readings that follow, one that comes late, one that came before.
        let followed = 1_735_689_600 + Self.readingCount / Self.deviceCount * 900
        let more = [(0, 9_999, followed), (3, 9_000, followed), (0, 5_000, followed - 90_300), (1, 0, 1_735_689_600)]
            .map { device, value, at in "m,device=D-\(device) value=\(value) \(at)\n" }.joined()
        scenario.expect(exit: 0, try scenario.run(ingest, reading: more))
        let rebuilt = try scenario.run(["rebuild"])
        scenario.expect(exit: 0, rebuilt)
        #expect(rebuilt.output.contains("equal to the old views"), "\(rebuilt.output)")
        scenario.expect(exit: 0, try scenario.run(["verify"]))
        // A rebuild keeps its own, which has what the servers logged too.
        let fourth = try Server(scenario)
        let head = try tell(fourth, 4)
        let position = try #require(loadedPosition(try fourth.stop()))
        #expect(position > kept && position < head)
        try damage(fold)
        let fifth = try Server(scenario)
        let last = try tell(fifth, 5)
        let outcome = try fifth.stop()
        #expect(loadedPosition(outcome) == nil && outcome.errors.contains("passed over"), "\(outcome.errors)")
        #expect(outcome.errors.contains("fold kept as of position"), "\(outcome.errors)")
        let sixth = try Server(scenario)
        _ = try tell(sixth, 6)
        #expect(try #require(loadedPosition(try sixth.stop())) >= last)
        scenario.expect(exit: 0, try scenario.run(["rebuild"]))
    }

    private func damage(_ path: String) throws {
        var bytes = try Scenario.bytes(path)
        bytes[bytes.count / 2] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
}
