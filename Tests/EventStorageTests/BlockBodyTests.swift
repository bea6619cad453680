import MeterModel
import Testing

@testable import EventStorage
@testable import RecordLog

/// A block body and what belongs to it, as the log would keep them.
struct EncodedBlock {
    var body: [UInt8]
    var firstPosition: UInt64
    var recordCount: Int
    var isFirstInSegment: Bool
    var digest: Digest32

    func withView<R>(_ use: (BlockView) throws -> R) rethrows -> R {
        try body.withUnsafeBytes { bytes in
            try use(
                BlockView(
                    segmentID: 1,
                    isFirstInSegment: isFirstInSegment,
                    isHole: false,
                    firstPosition: firstPosition,
                    recordCount: recordCount,
                    chain: .zero,
                    body: bytes
                )
            )
        }
    }
}

/// Encodes batches as the blocks of one segment.
struct SegmentEncoding: ~Copyable {
    var segment = SegmentDictionary()
    var counts = DefinitionCounts()
    var nextPosition: UInt64 = 1
    var isFirst = true
    var encoder = BlockBodyEncoder()
    var content = CanonicalContent()

    mutating func encode(_ batch: EventBatch, directory: SeriesDirectory, scale: Int = 9) -> EncodedBlock {
        let part = BlockPart(readings: 0..<batch.readings.count, events: 0..<batch.events.count)
        let context = BlockBodyEncoder.Context(
            recordedAt: Instant(milliseconds: 1_767_225_700_123),
            recordedBy: "test",
            before: counts
        )
        var out = ByteWriter()
        counts = encoder.encode(
            part,
            of: batch,
            in: context,
            directory: directory,
            segment: &segment,
            limitingScaleTo: scale,
            into: &out
        )
        let digest = encoder.digest(
            part,
            of: batch,
            in: context,
            after: counts,
            firstPosition: nextPosition,
            directory: directory,
            content: &content
        )
        defer {
            nextPosition += UInt64(batch.count)
            isFirst = false
        }
        return EncodedBlock(
            body: Array(out.bytes),
            firstPosition: nextPosition,
            recordCount: batch.count,
            isFirstInSegment: isFirst,
            digest: digest
        )
    }
}

/// The records of a decoded block as a batch.
func batch(_ block: BlockBodyDecoder.Block, _ decoder: BlockBodyDecoder) -> EventBatch {
    var batch = EventBatch()
    for run in block.runs {
        switch run {
        case .readings(let range): batch.readings.append(contentsOf: decoder.records(range))
        case .passedOver: break
        case .event(_, _, let event): batch.events.append((batch.readings.count, event))
        case .lost: Issue.record("nothing was given up")
        }
    }
    return batch
}

func isEqual(_ a: EventBatch, _ b: EventBatch) -> Bool {
    a.readings == b.readings && a.events.map(\.readingIndex) == b.events.map(\.readingIndex)
        && a.events.map(\.event) == b.events.map(\.event)
}

struct BlockBodyTests {
    @Test func `random blocks survive the round trip, with their numbering and digest`() throws {
        for seed in 0..<60 as Range<UInt64> {
            var items = RandomItems(seed: seed)
            var encoding = SegmentEncoding()
            let decoder = BlockBodyDecoder()
            var directory = SeriesDirectory()
            for _ in 0..<6 {
                let sent = items.batch()
                let encoded = encoding.encode(sent, directory: items.directory)
                try encoded.withView { view in
                    let block = try decoder.decode(view)
                    #expect(isEqual(batch(block, decoder), sent), "seed \(seed)")
                    #expect(block.recordedBy == "test" && block.recordedAt.milliseconds == 1_767_225_700_123)
                    #expect(decoder.digest(block) == encoded.digest, "seed \(seed)")
                    try decoder.extend(&directory, by: block)
                }
            }
            for series in 0..<UInt32(directory.seriesCount) {
                #expect(directory.deviceName(ofSeries: series) == items.directory.deviceName(ofSeries: series))
                #expect(directory.registerName(ofSeries: series) == items.directory.registerName(ofSeries: series))
                #expect(directory.device(ofSeries: series) == items.directory.device(ofSeries: series))
            }
        }
    }

    @Test func `the digest does not depend on scales, forms, or what the segment defined before`() {
        for seed in 0..<30 as Range<UInt64> {
            var items = RandomItems(seed: seed)
            let first = items.batch()
            let second = items.batch()
            var plain = SegmentEncoding()
            _ = plain.encode(first, directory: items.directory)
            let counts = plain.counts
            let position = plain.nextPosition
            let a = plain.encode(second, directory: items.directory)
            var fresh = SegmentEncoding()
            fresh.counts = counts
            fresh.nextPosition = position
            let b = fresh.encode(second, directory: items.directory, scale: 0)
            #expect(a.body != b.body && a.digest == b.digest, "seed \(seed)")
        }
    }

    @Test func `the digest does not depend on how runs are cut`() throws {
        var items = RandomItems(seed: 7)
        var sent = EventBatch()
        for _ in 0..<50 { sent.readings.append(items.reading()) }
        var encoding = SegmentEncoding()
        let whole = encoding.encode(sent, directory: items.directory)
        // The same readings as two runs: written by hand from the parts that the encoder is made of.
        var segment = SegmentDictionary()
        var out = ByteWriter()
        let head = EventBatch(readings: [], events: [])
        var encoder = BlockBodyEncoder()
        _ = encoder.encode(
            BlockPart(readings: 0..<50, events: 0..<0),
            of: sent,
            in: .init(recordedAt: Instant(milliseconds: 1_767_225_700_123), recordedBy: "test", before: .init()),
            directory: items.directory,
            segment: &segment,
            into: &out
        )
        #expect(head.isEmpty && Array(out.bytes) == whole.body)
        var runs = ReadingRunEncoder()
        var states = SeriesStates()
        for series in 0..<UInt32(items.directory.seriesCount) { states.define(series, device: 0) }
        var oneRun = ByteWriter()
        sent.readings.withUnsafeBufferPointer { runs.encode($0, states: states, into: &oneRun) }
        states.reset()
        for series in 0..<UInt32(items.directory.seriesCount) { states.define(series, device: 0) }
        var twoRuns = ByteWriter()
        sent.readings.withUnsafeBufferPointer { readings in
            runs.encode(UnsafeBufferPointer(rebasing: readings[..<20]), states: states, into: &twoRuns)
            runs.encode(UnsafeBufferPointer(rebasing: readings[20...]), states: states, into: &twoRuns)
        }
        let definitions = whole.body.dropLast(oneRun.count + 1)
        #expect(Array(oneRun.bytes) == Array(whole.body.suffix(oneRun.count)))
        var cut = whole
        cut.body = Array(definitions) + [2] + Array(twoRuns.bytes)
        let decoder = BlockBodyDecoder()
        try cut.withView { view in
            let block = try decoder.decode(view)
            #expect(block.runs.count == 2)
            #expect(decoder.digest(block) == whole.digest)
        }
    }

    @Test func `each field of a record, and where it stands, is in the digest`() {
        var items = RandomItems(seed: 3)
        var sent = EventBatch()
        while sent.readings.isEmpty { sent.readings = [items.reading()] }
        sent.readings[0].traits = ReadingTraits(quality: .measured, isInterval: true, unit: .litre)
        sent.readings[0].receivedAt = 5
        sent.readings.append(sent.readings[0])
        func digest(_ change: (inout EventBatch, inout UInt64) -> Void) -> Digest32 {
            var changed = sent
            var position: UInt64 = 9
            change(&changed, &position)
            var encoding = SegmentEncoding()
            encoding.nextPosition = position
            return encoding.encode(changed, directory: items.directory).digest
        }
        let digests: Set<Digest32> = [
            digest { _, _ in },
            digest { batch, _ in batch.readings[1].at += 1 },
            digest { batch, _ in batch.readings[1].value += 1 },
            digest { batch, _ in batch.readings[1].span += 1 },
            digest { batch, _ in batch.readings[1].receivedAt += 1 },
            digest { batch, _ in batch.readings[1].receivedAt = ReadingDraft.absentInstant },
            digest { batch, _ in batch.readings[1].traits.rawValue ^= 1 },
            digest { batch, _ in batch.readings[0].value += 1 },
            digest { batch, _ in batch.readings.removeLast() },
            digest { _, position in position += 1 },
            digest { batch, _ in batch.events = [(0, items.event(.dayTurned))] },
            digest { batch, _ in batch.events = [(1, items.event(.dayTurned))] },
        ]
        #expect(digests.count == 12)
    }

    @Test func `a body cut or changed never traps and is never taken for another`() {
        var decodedAnyway = 0
        for seed in 0..<12 as Range<UInt64> {
            var items = RandomItems(seed: seed)
            var encoding = SegmentEncoding()
            let first = encoding.encode(items.batch(maximumCount: 60), directory: items.directory)
            let secondBatch = items.batch(maximumCount: 60)
            let second = encoding.encode(secondBatch, directory: items.directory)
            let decoder = BlockBodyDecoder()
            for cut in 0..<first.body.count {
                var changed = first
                changed.body = Array(first.body[..<cut])
                #expect(throws: EventStorageError.self, "seed \(seed), cut \(cut)") {
                    try changed.withView { _ = try decoder.decode($0) }
                }
            }
            for place in 0..<second.body.count {
                for _ in 0..<3 {
                    var changed = second
                    changed.body[place] ^= UInt8(items.number(1...255))
                    _ = try? first.withView { _ = try decoder.decode($0) }
                    try? changed.withView { view in
                        let block = try decoder.decode(view)
                        decodedAnyway += 1
                        // Another form of the same content is no other content.
                        let isSame = isEqual(batch(block, decoder), secondBatch)
                        let digest = decoder.digest(block)
                        #expect(isSame || digest != second.digest, "seed \(seed), byte \(place)")
                    }
                }
            }
        }
        #expect(decodedAnyway > 0)
    }

    @Test func `bytes at random never trap`() {
        let decoder = BlockBodyDecoder()
        for seed in 0..<3000 as Range<UInt64> {
            var items = RandomItems(seed: seed)
            var body = (0..<items.number(0...200)).map { _ in UInt8(truncatingIfNeeded: items.number(0...255)) }
            if let first = body.indices.first { body[first] = 1 }
            let block = EncodedBlock(
                body: body,
                firstPosition: 1,
                recordCount: 1,
                isFirstInSegment: true,
                digest: .zero
            )
            _ = try? block.withView { try decoder.decode($0) }
        }
    }

    @Test func `a small block has the bytes and the digest it always had`() throws {
        var directory = SeriesDirectory()
        let device = directory.device(named: "E-1")
        let series = directory.series(device: device, register: directory.register(named: "1-0:1.8.0"))
        let traits = ReadingTraits(quality: .measured, isInterval: false, unit: .kilowattHour)
        let absent = ReadingDraft.absentInstant
        let readings = (0..<3 as Range<Int64>).map { i in
            ReadingRecord(
                series: series,
                traits: traits,
                at: 1_767_225_600_000 + i * 900_000,
                value: 12_345_000 + i * 250_000,
                span: 0,
                receivedAt: absent
            )
        }
        var encoding = SegmentEncoding()
        let event = MeterEvent.dayTurned(DayTurned(timezone: "UTC", at: Instant(milliseconds: 1_767_225_600_000)))
        let block = encoding.encode(
            EventBatch(readings: ContiguousArray(readings), events: [(1, event)]),
            directory: directory
        )
        let golden =
            "021b2fdc769b010000047465737400000001000003452d3101000009312d303a312e382e300100000003000103030000"
            + "80a08001040200000000b95569b960120c0a0355544380a0d5edee66000203040000848080010302000000840700191912"
        #expect(hex(block.body) == golden)
        #expect(block.digest.description == "3aa9249db7fb1e8743bb64e6a75044830d51e766337055e71d6c92777f5a31f5")
        // Of version 1, as it was written before columns had another form.
        var old = block
        old.body[0] = 1
        let decoder = BlockBodyDecoder()
        try old.withView { view in
            let decoded = try decoder.decode(view)
            #expect(decoder.digest(decoded) == block.digest)
        }
        old.body[0] = LostRecords.bodyVersion + 1
        #expect(throws: EventStorageError.self) { try old.withView { _ = try decoder.decode($0) } }
    }
}
