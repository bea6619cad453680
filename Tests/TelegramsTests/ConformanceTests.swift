import Foundation
import MeterModel
import SharedFiles
import Testing

@testable import Telegrams

/// Public conformance suites, read from outside the repository.
@Suite(.enabled(if: SharedFolder.isThere, "shared fixtures are absent"))
struct ConformanceTests {
    /// An object that gives a name twice must be taken by RFC 8259's letter; the semantics (section 1) refuse it.
    private static let duplicateNames = ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"]

    @Test func `JSONTestSuite`() throws {
        let folder = "fixtures/suites/JSONTestSuite/test_parsing"
        var counts = (accepted: 0, refused: 0, free: 0)
        for file in try SharedFolder.files(in: folder) where file.hasSuffix(".json") {
            let bytes = try SharedFolder.bytes("\(folder)/\(file)")
            let isAccepted = ConformanceTests.isJSON(bytes)
            switch file.prefix(2) {
            case "y_":
                #expect(isAccepted == !ConformanceTests.duplicateNames.contains(file), "\(file)")
                counts.accepted += 1
            case "n_":
                #expect(!isAccepted, "\(file)")
                counts.refused += 1
            default: counts.free += 1
            }
        }
        #expect(counts.accepted >= 95)
        #expect(counts.refused >= 188)
    }

    private static func isJSON(_ bytes: [UInt8]) -> Bool {
        guard bytes.withUnsafeBytes({ UTF8Validation.firstFault($0, from: 0, to: $0.count) }) == nil else {
            return false
        }
        return bytes.withUnsafeBufferPointer { (try? JSONParser.parse($0)) != nil }
    }

    /// Its fields have quotes within them and none around, which RFC 4180 does not allow.
    private static let quotesWithinFields = "location_coordinates.csv"

    @Test func `csv-spectrum`() throws {
        let folder = "fixtures/suites/csv-spectrum"
        for file in try SharedFolder.files(in: "\(folder)/csvs") where file.hasSuffix(".csv") {
            let bytes = try SharedFolder.bytes("\(folder)/csvs/\(file)")
            if file == ConformanceTests.quotesWithinFields {
                #expect(ConformanceTests.records(bytes) == nil)
                continue
            }
            let json = Data(try SharedFolder.bytes("\(folder)/json/\(file.dropLast(4)).json"))
            let expected = try #require(try JSONSerialization.jsonObject(with: json) as? [[String: String]])
            let records = try #require(ConformanceTests.records(bytes), "\(file)")
            let header = try #require(records.first)
            let rows = records.dropFirst().map { Dictionary(zip(header, $0)) { first, _ in first } }
            // The copies at hand lost the CR of their line ends.
            let expectedRows = expected.map { $0.mapValues { $0.replacingOccurrences(of: "\r\n", with: "\n") } }
            #expect(Array(rows) == expectedRows, "\(file)")
        }
    }

    /// All records of a CSV text, or nil where one has a fault.
    private static func records(_ bytes: [UInt8]) -> [[String]]? {
        bytes.withUnsafeBytes { chunk -> [[String]]? in
            guard let base = chunk.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
            var framer = LineFramer()
            var batch = DecodedBatch()
            var cursor = 0
            var row = CSVRow(slotCount: CSVColumns.Slot.firstValue)
            var records: [[String]] = []
            let columns = CSVColumns.none(CSVProfile())
            while var line = framer.next(chunk, &cursor, isLast: true, &batch) {
                let outcome = row.split(base, chunk.count, &line, isLast: true, columns, UInt8(ascii: ","))
                guard case .whole = outcome else { return nil }
                cursor = line.next
                records.append(CSVRow.texts(base, line, UInt8(ascii: ",")))
            }
            return records
        }
    }

    /// Text, or bytes that are no UTF-8 in Base64.
    private struct Text: Decodable {
        private enum Keys: String, CodingKey { case binary }

        var bytes: [UInt8]

        init(from decoder: any Decoder) throws {
            if let text = try? decoder.singleValueContainer().decode(String.self) {
                bytes = Array(text.utf8)
            } else {
                let data = try decoder.container(keyedBy: Keys.self).decode(Data.self, forKey: .binary)
                bytes = [UInt8](data)
            }
        }
    }

    private struct Corpus: Decodable {
        struct Case: Decodable {
            struct Input: Decodable { var text: Text }
            struct Output: Decodable { var error: String? }

            var input: Input
            var output: Output
        }

        struct Encoding: Decodable {
            struct Output: Decodable { var result: Text? }

            var output: Output
        }

        var decode: [String: Case]
        var encode: [String: Encoding]
    }

    private static func corpus() throws -> Corpus {
        let bytes = try SharedFolder.bytes("fixtures/suites/influx-line-protocol/corpus_subset.json")
        return try JSONDecoder().decode(Corpus.self, from: Data(bytes))
    }

    /// What our shape asks beyond the grammar, once a line fits that.
    private static let causesBeyondGrammar: Set<RefusalCode> = [
        .missingField, .valueSyntax, .valuePrecision, .valueRange, .nameSyntax, .timeRange, .timeSyntax,
    ]

    @Test func `The corpus of line protocol`() throws {
        var deviating = 0
        let corpus = try ConformanceTests.corpus()
        for (key, sample) in corpus.decode {
            let decoded = decode(sample.input.text.bytes) { LineProtocolDecoder() }
            // Lines of the corpus have no device, so none is accepted: what counts is the cause.
            #expect(decoded.readings.isEmpty, "\(key)")
            let hasGrammarFault = decoded.codes.contains { !ConformanceTests.causesBeyondGrammar.contains($0) }
            if hasGrammarFault != (sample.output.error != nil) { deviating += 1 }
        }
        // Those that deviate: strings over several lines, comments and blank lines that we pass over, ignored fields
        // and timestamps that are out of range or of another code.
        #expect(deviating <= 8)
    }

    @Test func `What others encode fits our grammar`() throws {
        for (key, sample) in try ConformanceTests.corpus().encode {
            guard let text = sample.output.result?.bytes, !text.isEmpty else { continue }
            let decoded = decode(text) { LineProtocolDecoder() }
            #expect(!decoded.codes.contains(.badLineProtocol), "\(key): \(decoded.refusals)")
        }
    }

    @Test func `The worked example of refused lines, as far as it needs no declarations`() throws {
        let decoded = decode(try SharedFolder.bytes("examples/16-refused-lines/events.ndjson")) { NDJSONDecoder() }
        let codes = Dictionary(uniqueKeysWithValues: decoded.refusals.map { ($0.line, $0.code) })
        #expect(
            codes == [
                3: .valuePrecision, 8: .unknownField, 16: .valuePrecision, 17: .valueRange, 19: .ruleInvalid,
            ]
        )
        #expect(decoded.readings.count + decoded.events.count == 16)
    }

    @Test(arguments: ["01-flat-crossing", "08-exchange-told-late", "12-clear-and-re-arm", "13-interval-readings"])
    func `The worked examples have no fault that a decoder finds`(folder: String) throws {
        let decoded = decode(try SharedFolder.bytes("examples/\(folder)/events.ndjson")) { NDJSONDecoder() }
        #expect(decoded.refusals.isEmpty, "\(decoded.refusals)")
    }
}
