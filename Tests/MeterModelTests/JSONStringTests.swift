import Foundation
import MeterModel
import Testing

struct JSONStringTests {
    @Test func `What must be escaped is, and nothing else`() {
        #expect(JSONString.quoted("") == "\"\"")
        #expect(JSONString.quoted("a\"b\\c/\u{7F}ü\u{1F4A7}") == "\"a\\\"b\\\\c/\u{7F}ü\u{1F4A7}\"")
        #expect(JSONString.quoted("\u{0}\t\n\u{1F}") == "\"\\u0000\\u0009\\u000a\\u001f\"")
    }

    @Test func `A reader of JSON gets the text back`() throws {
        let text = String(String.UnicodeScalarView((0..<0x250).compactMap(UnicodeScalar.init)))
        let read = try JSONDecoder().decode([String].self, from: Data("[\(JSONString.quoted(text))]".utf8))
        #expect(read == [text])
    }
}
