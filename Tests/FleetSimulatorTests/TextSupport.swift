import FleetSimulator

/// All of a fleet's text, made in chunks of at most `chunk` bytes.
func text(_ fleet: Fleet, _ format: FleetText.Format, contents: FleetText.Contents, chunk: Int) -> String {
    var source = FleetText(fleet, format: format, contents: contents)
    var bytes: [UInt8] = []
    while let next = source.nextChunk(byteCount: chunk) { bytes.append(contentsOf: next) }
    return String(decoding: bytes, as: UTF8.self)
}

/// FNV-1a over everything a fleet says.
func fingerprint(_ fleet: Fleet) -> UInt64 {
    var source = FleetText(fleet, format: .ndjson, contents: .declarationsAndReadings)
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    while let chunk = source.nextChunk() {
        for byte in chunk { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }
    return hash
}

/// The keys and values of an object that holds plain strings alone, nil where the line is none.
func flatObject(_ line: Substring) -> [String: String]? {
    guard line.first == "{", line.last == "}" else { return nil }
    let parts = line.dropFirst().dropLast().split(separator: "\"", omittingEmptySubsequences: false)
    // "key":"value","key":"value" falls into: "", key, ":", value, ",", key, ":", value, "".
    guard parts.count % 4 == 1, parts.first == "", parts.last == "" else { return nil }
    var object: [String: String] = [:]
    for i in stride(from: 1, to: parts.count - 1, by: 4) {
        guard parts[i + 1] == ":", parts[i + 3] == (i + 4 < parts.count ? "," : "") else { return nil }
        guard object.updateValue(String(parts[i + 2]), forKey: String(parts[i])) == nil else { return nil }
    }
    return object
}
