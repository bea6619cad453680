extension RegisterSeries {
    func write(to out: SnapshotWriter) {
        segments.write(to: out)
        out.count(irregular.count)
        for instant in irregular { out.zigzag(instant) }
        entries.write(to: out)
    }

    /// Takes in what `write` wrote, in a series without entries.
    mutating func read(from reader: SnapshotReader) throws(SnapshotFault) {
        segments = try MeterSegments(from: reader)
        for _ in 0..<(try reader.count()) { irregular.append(try reader.zigzag()) }
        try entries.read(from: reader)
    }
}
