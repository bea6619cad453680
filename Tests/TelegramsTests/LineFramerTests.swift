import MeterModel
import Testing

@testable import Telegrams

@Suite struct LineFramerTests {
    private let good = #"{"device":"E","readAt":0,"value":1}"#

    @Test func `A byte order mark, blank lines, comments and both line ends`() {
        let decoded = ndjson("\u{FEFF}\(good)\r\n\r\n  \t\n#x\n\(good)")
        #expect(decoded.readings.map(\.line) == [1, 5])
        #expect(decoded.refusals.isEmpty)
        #expect(ndjson("").readings.isEmpty)
        #expect(ndjson("\n").refusals.isEmpty)
    }

    @Test func `A line that is too long is refused once, wherever the chunks end`() {
        let limit = maximumLineByteCount
        let padding = String(repeating: " ", count: limit - good.utf8.count)
        let text =
            "\(good)\n\(good)\(padding)\r\n\(good)\(padding) \n\(String(repeating: "x", count: 200_000))\n\(good)"
        let whole = ndjson(text)
        #expect(whole.codes == [.lineTooLong, .lineTooLong])
        #expect(whole.refusals.map(\.line) == [3, 4])
        #expect(whole.readings.map(\.line) == [1, 2, 5])
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<20 {
            let cuts = generator.cuts(of: text.utf8.count, count: 9)
            #expect(decode(text, by: { NDJSONDecoder() }, cuts: cuts) == whole, "cuts \(cuts)")
        }
    }

    @Test func `A chunk of more than the longest line is consumed`() {
        var decoder = NDJSONDecoder()
        var names = TelegramNames()
        var batch = DecodedBatch()
        let bytes = [UInt8](repeating: 0x78, count: maximumLineByteCount + 2)
        let used = bytes.withUnsafeBytes { decoder.decode($0, isLast: false, names: &names, into: &batch) }
        #expect(used == bytes.count)
        #expect(batch.refusals.count == 1)
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x9F, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x8F, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xFF],
        ] as [[UInt8]]
    )
    func `What is no UTF-8 is refused`(bytes: [UInt8]) {
        let line = Array(#"{"device":""#.utf8) + bytes + Array(#"","readAt":0,"value":1}"#.utf8)
        #expect(decode(line, by: { NDJSONDecoder() }).codes == [.badUTF8])
        let tagged = Array("m,device=".utf8) + bytes + Array(" value=1".utf8)
        #expect(decode(tagged, by: { LineProtocolDecoder() }).codes == [.badUTF8])
        let row = Array("device,readAt,value\n".utf8) + bytes + Array(",0,1".utf8)
        #expect(decode(row, by: { CSVDecoder() }).codes == [.badUTF8])
    }

    @Test func `UTF-8 validation agrees with the standard library`() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 1...5, using: &generator)).map { _ -> UInt8 in
                [
                    0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0,
                    0xF1, 0xF4, 0xF5,
                ]
                .randomElement(using: &generator) ?? 0
            }
            let isValid = bytes.withUnsafeBytes { UTF8Validation.firstFault($0, from: 0, to: $0.count) == nil }
            #expect(isValid == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
        }
    }

    @Test(
        arguments: [
            ("{\"device\":1}", InputFormat.ndjson), ("\n\n# x\n  {\"a\":1}", .ndjson), ("\u{FEFF}{}", .ndjson),
            ("m,device=E value=1 1", .lineProtocol), ("m value=1", .lineProtocol), ("device,readAt,value\nE,0,1", .csv),
            ("1522670400,2520588\n", .csv), ("\"time\",\"kWh.first_value\"\n", .csv),
            ("user key;datetime;meter reading", .csv),
            ("Date/time UTC,Active energy Wh (A),Returned energy Wh (A)", .csv), ("", nil), ("word", nil),
        ] as [(String, InputFormat?)]
    )
    func `The format is detected from the first line`(text: String, format: InputFormat?) {
        #expect(Array(text.utf8).withUnsafeBytes { detectFormat($0) } == format)
    }
}
