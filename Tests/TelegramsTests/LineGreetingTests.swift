import MeterModel
import Testing

@testable import Telegrams

/// The first line of a connection.
@Suite struct LineGreetingTests {
    private func greeting(_ line: String) throws(Refusal) -> LineGreeting {
        var result: Result<LineGreeting, Refusal>?
        Array(line.utf8).withUnsafeBytes { bytes in
            do throws(Refusal) { result = .success(try LineGreeting(bytes)) } catch { result = .failure(error) }
        }
        guard let result else { return LineGreeting() }
        return try result.get()
    }

    @Test func `All keys, and none`() throws {
        let all = try greeting(
            """
            meterfold/1 {"ack":true,"token":"t","format":"csv","precision":"s","profile":"p","utility":"gas",\
            "unit":"m3","register":"r"}
            """
        )
        #expect(all.acknowledges && all.token == "t")
        #expect(
            all.words == [
                "format": "csv", "precision": "s", "profile": "p", "utility": "gas", "unit": "m3", "register": "r",
            ]
        )
        let none = try greeting("meterfold/1 {}")
        #expect(none == LineGreeting() && !none.acknowledges)
        #expect(try greeting("meterfold/1  { \"ack\" : false } ").acknowledges == false)
    }

    @Test(arguments: [
        ("meterfold/1 ", RefusalCode.badJSON), ("meterfold/1 {\"ack\":true", .badJSON),
        ("meterfold/1 {\"ack\":true} x", .badJSON), ("meterfold/1 []", .badJSON), ("meterfold/1 null", .badJSON),
        ("meterfold/1 {\"akc\":true}", .unknownField), ("meterfold/1 {\"device\":\"E-1\"}", .unknownField),
        ("meterfold/1 {\"ack\":\"true\"}", .valueSyntax), ("meterfold/1 {\"ack\":1}", .valueSyntax),
    ])
    func `What is wrong is refused by a code`(_ line: String, _ code: RefusalCode) {
        let refusal = #expect(throws: Refusal.self) { try greeting(line) }
        #expect(refusal?.code == code, "\(line): \(refusal?.text ?? "")")
    }

    @Test func `The place of a fault is counted in the whole line, and a key is named`() throws {
        let place = #expect(throws: Refusal.self) { try greeting("meterfold/1 {\"ack\":tru}") }
        #expect(place?.text.contains("column ") == true)
        let key = #expect(throws: Refusal.self) { try greeting("meterfold/1 {\"akc\":true}") }
        #expect(key?.text.contains("akc") == true)
        var bytes = Array("meterfold/1 {\"token\":\"".utf8) + [0xFF] + Array("\"}".utf8)
        let refusal = bytes.withUnsafeMutableBytes { bytes in
            #expect(throws: Refusal.self) { try LineGreeting(UnsafeRawBufferPointer(bytes)) }
        }
        #expect(refusal?.code == .badUTF8)
    }

    @Test func `Whether bytes begin with it is told as soon as it can be`() {
        let prefix = Array("meterfold/1 ".utf8)
        for count in 0..<prefix.count { #expect(LineGreeting.begins(prefix.prefix(count)) == nil) }
        #expect(LineGreeting.begins(prefix) == true)
        #expect(LineGreeting.begins(prefix + Array("{".utf8)) == true)
        for other in ["{", "meterfold/2 ", "meters,device=a value=1", "Meterfold/1 ", "meterfold/1\n"] {
            #expect(LineGreeting.begins(Array(other.utf8)) == false, "\(other)")
        }
    }

    /// A profile that fixes devices by column keeps their numbers, which a new table gives anew.
    @Test func `A CSV decoder finds its names in a table that is begun anew`() {
        var decoder = CSVDecoder()
        func devices(_ text: String, _ names: inout TelegramNames) -> [String] {
            var batch = DecodedBatch()
            let bytes = Array(text.utf8)
            _ = bytes.withUnsafeBytes { decoder.decode($0, isLast: false, names: &names, into: &batch) }
            return batch.readings.map { names.devices[$0.device] }
        }
        var names = TelegramNames()
        #expect(devices("device,readAt,value\nA,1767225600,1\nB,1767225600,1\n", &names) == ["A", "B"])
        var others = TelegramNames()
        _ = others.devices.intern("C")
        decoder.forgetNames()
        #expect(devices("B,1767225660,2\nA,1767225660,2\n", &others) == ["B", "A"])
    }
}
