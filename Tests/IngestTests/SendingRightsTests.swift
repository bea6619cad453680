import Access
import MeterModel
import Telegrams
import Testing

@testable import Ingest

/// Who may send what.
@Suite struct SendingRightsTests {
    private static let payment = """
        {"event":"TopUpReceived","device":"E-1","amount":"5","currency":"EUR","provider":"p","reference":"1",\
        "at":1767225600}

        """
    private static let registration =
        "{\"event\":\"DeviceRegistered\",\"device\":\"E-1\",\"utility\":\"electricity\"}\n"
    private static let dayTurn = "{\"event\":\"DayTurned\",\"timezone\":\"UTC\",\"at\":1767225600}\n"

    /// What becomes of lines that somebody sends: `ok`, or the code of the refusal, by line.
    private func outcomes(_ principal: Principal, _ lines: [String]) throws -> [String] {
        var names = TelegramNames()
        var decoder = NDJSONDecoder(defaultUtility: .electricity)
        var rights = SendingRights(principal)
        var batch = DecodedBatch()
        let bytes = Array(lines.joined().utf8)
        let consumed = bytes.withUnsafeBytes { decoder.decode($0, isLast: true, names: &names, into: &batch) }
        #expect(consumed == bytes.count)
        let sent = batch
        rights.restrict(&batch, names)
        var outcomes = Array(repeating: "nothing", count: lines.count)
        for reading in batch.readings { outcomes[Int(reading.line) - 1] = "ok" }
        for event in batch.events {
            outcomes[Int(event.line) - 1] = "ok"
            // It still stands behind the readings of the lines before it.
            #expect(event.readingIndex == batch.readings.count { $0.line < event.line })
        }
        for refused in batch.refusals {
            let line = Int(refused.line) - 1
            outcomes[line] = refused.refusal.code.rawValue
            let raw = bytes[refused.rawOffset..<refused.rawOffset + refused.rawByteCount]
            #expect(String(decoding: raw, as: UTF8.self) + "\n" == lines[line])
        }
        #expect(batch.readings.count + batch.events.count + batch.refusals.count == lines.count)
        #expect(sent.readings.count + sent.events.count == lines.count)
        return outcomes
    }

    private func reading(_ device: String) -> String { readingLines(device, 0..<1) }

    @Test func `Each right lets through what it is for, and no more`() throws {
        let lines = [reading("E-1"), Self.payment, reading("E-2"), Self.registration, Self.dayTurn, reading("E-1")]
        let no = "not-allowed"
        let cases: [(Right, [String])] = [
            (.read, [no, no, no, no, no, no]),
            (.ingest, ["ok", no, "ok", no, no, "ok"]),
            (.topUp, [no, "ok", no, no, no, no]),
            (.admin, ["ok", "ok", "ok", "ok", "ok", "ok"]),
        ]
        for (right, expected) in cases {
            let principal = Principal(recordedBy: "x", rights: [right])
            #expect(try outcomes(principal, lines) == expected, "\(right)")
        }
        let both = Principal(recordedBy: "x", rights: [.ingest, .topUp])
        #expect(try outcomes(both, lines) == ["ok", "ok", "ok", no, no, "ok"])
    }

    @Test func `Devices outside the pattern are foreign, and what concerns no device needs all`() throws {
        let lines = [
            reading("W-1"), reading("E-1"), Self.payment, reading("W-1"), Self.registration, Self.dayTurn,
            reading("E-9"),
        ]
        let no = "not-allowed"
        func outcomes(_ rights: Set<Right>, _ glob: String) throws -> [String] {
            try self.outcomes(Principal(recordedBy: "x", rights: rights, devices: NameGlob(glob)), lines)
        }
        #expect(try outcomes([.ingest], "E-*") == [no, "ok", no, no, no, no, "ok"])
        #expect(try outcomes([.ingest], "E-1") == [no, "ok", no, no, no, no, no])
        #expect(try outcomes([.admin], "E-*") == [no, "ok", "ok", no, "ok", no, "ok"])
        #expect(try outcomes([.ingest, .topUp], "W-*") == ["ok", no, no, "ok", no, no, no])
        #expect(try outcomes([.admin], "*") == ["ok", "ok", "ok", "ok", "ok", no, "ok"])
    }

    @Test func `Verdicts do not outlive the table of names`() throws {
        var rights = SendingRights(Principal(recordedBy: "x", rights: [.ingest], devices: NameGlob("E-*")))
        func refusedCount(_ device: String) -> Int {
            var names = TelegramNames()
            var decoder = NDJSONDecoder(defaultUtility: .electricity)
            var batch = DecodedBatch()
            _ = Array(reading(device).utf8).withUnsafeBytes {
                decoder.decode($0, isLast: true, names: &names, into: &batch)
            }
            rights.restrict(&batch, names)
            return batch.refusals.count
        }
        #expect(refusedCount("W-1") == 1)
        rights.forgetNames()
        #expect(refusedCount("E-1") == 0)
        rights.forgetNames()
        #expect(refusedCount("W-1") == 1)
    }
}
