import NIOCore
import Testing

@testable import meterfold

@Suite struct LineSplitTests {
    /// Lines of several devices in three formats, the last one's end missing now and then.
    private func text(_ generator: inout SystemRandomNumberGenerator) -> String {
        let count = Int.random(in: 1...400, using: &generator)
        var lines: [String] = []
        for i in 0..<count {
            let device = "d-\(Int.random(in: 0..<20, using: &generator))"
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: lines.append("meter,device=\(device) value=\(i)i 1700000000")
            case 1: lines.append("{\"value\": \(i), \"device\" : \"\(device)\"}")
            case 2: lines.append("\(device);\(i);dev")
            default: lines.append("meter,dev=1,device=\(device),device=other value=\(i)i")
            }
        }
        return lines.joined(separator: "\n") + (Bool.random(using: &generator) ? "\n" : "")
    }

    /// Whose a line is, read the slow way.
    private func device(_ line: Substring) -> String {
        guard let key = line.firstRange(of: "device") else { return String(line.prefix { $0 != ";" }) }
        let rest = line[key.upperBound...].drop { "\"=: ".contains($0) }
        return String(rest.prefix { !",;\"\n\t ".contains($0) })
    }

    @Test func eachDevicesLinesGoInOrderIntoOnePart() {
        var generator = SystemRandomNumberGenerator()
        var split = LineSplit()
        for _ in 0..<200 {
            let text = text(&generator)
            let count = Int.random(in: 1...12, using: &generator)
            let parts = split.parts(of: ByteBuffer(string: text), count: count)
            #expect(parts.count == count)
            var of: [String: [String]] = [:]
            var partOf: [String: Int] = [:]
            for (i, part) in parts.enumerated() {
                let lines = String(buffer: part.lines).split(separator: "\n")
                #expect(part.lineCount == lines.count)
                for line in lines {
                    let device = device(line)
                    #expect(partOf[device, default: i] == i, "\(device) is in two parts: \(text)")
                    partOf[device] = i
                    of[device, default: []].append(String(line))
                }
            }
            var expected: [String: [String]] = [:]
            for line in text.split(separator: "\n") { expected[device(line), default: []].append(String(line)) }
            #expect(of == expected, "\(text)")
        }
    }
}
