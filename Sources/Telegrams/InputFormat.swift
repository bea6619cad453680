import MeterModel

/// The forms in which readings come.
package enum InputFormat: String, Sendable, CaseIterable {
    case ndjson
    case lineProtocol = "line-protocol"
    case csv
}

/// What the beginning of an input looks like.
///
/// The first line that is neither blank nor a comment decides: `{` begins NDJSON; a space with a `key=value` behind it
/// is line protocol; a comma, a semicolon or a tab makes CSV.
///
/// - Parameter head: the first bytes of the input; at best the whole first line, up to `maximumLineByteCount`.
/// - Returns: nil where there is no line to judge by, or it looks like none of them.
package func detectFormat(_ head: UnsafeRawBufferPointer) -> InputFormat? {
    var framer = LineFramer()
    var batch = DecodedBatch()
    var cursor = 0
    guard framer.begin(head, &cursor, isLast: true),
        let line = framer.next(head, &cursor, isLast: true, &batch),
        let base = head.baseAddress?.assumingMemoryBound(to: UInt8.self)
    else { return nil }
    var start = line.start
    while start < line.end, base[start] == 0x20 || base[start] == 0x09 { start += 1 }
    if base[start] == UInt8(ascii: "{") { return .ndjson }
    if looksLikeLineProtocol(base, start, line.end) { return .lineProtocol }
    let delimiters: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: ";"), 0x09]
    return (start..<line.end).contains { delimiters.contains(base[$0]) } ? .csv : nil
}

/// Whether the first space that no backslash escapes has a key and an equals sign behind it.
private func looksLikeLineProtocol(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
    guard base[start] != UInt8(ascii: "\"") else { return false }
    var scanner = LineProtocolScanner(base: base, end: end, i: start)
    do throws(LineProtocolScanner.Fault) {
        _ = try scanner.measurement()
        while scanner.i < end, base[scanner.i] == UInt8(ascii: ",") {
            scanner.i += 1
            _ = try scanner.key()
            _ = try scanner.tagValue()
        }
        scanner.skipSpaces()
        _ = try scanner.key()
        return true
    } catch {
        return false
    }
}
