import MeterModel
import Testing

@testable import EventStorage

/// Scales, varints, columns and the sort, each against a slow twin or its inverse.
struct ReadingRunTests {
    private func states(for directory: SeriesDirectory) -> SeriesStates {
        var states = SeriesStates()
        for series in 0..<UInt32(directory.seriesCount) {
            states.define(series, device: directory.device(ofSeries: series))
        }
        return states
    }

    @Test func `random runs survive the round trip`() throws {
        for seed in 0..<40 as Range<UInt64> {
            var items = RandomItems(seed: seed)
            let runs = (0..<5).map { _ in
                ContiguousArray((0..<items.number(1...300)).map { _ in items.reading() })
            }
            var encoder = ReadingRunEncoder()
            let writing = states(for: items.directory)
            let reading = states(for: items.directory)
            var out = ByteWriter()
            for run in runs {
                let digits = Int(items.number(0...9))
                run.withUnsafeBufferPointer {
                    encoder.encode($0, states: writing, limitingScaleTo: digits, into: &out)
                }
            }
            var reader = ByteReader(out.bytes)
            let decoded = UnsafeMutablePointer<ReadingRecord>.allocate(capacity: 300)
            defer { decoded.deallocate() }
            for run in runs {
                #expect(try reader.byte() == 0)
                let count = try ReadingRunDecoder.count(at: reader)
                let read = UnsafeBufferPointer(start: decoded, count: count)
                var again = reader
                try ReadingRunDecoder.decode(&reader, states: reading, into: decoded)
                #expect(ContiguousArray(read) == run, "seed \(seed)")
                try ReadingRunDecoder.decodeTraits(&again, states: reading, into: decoded)
                #expect(read.map(\.series) == run.map(\.series), "seed \(seed)")
                #expect(read.map(\.traits) == run.map(\.traits), "seed \(seed)")
                #expect(again.remaining == reader.remaining)
            }
            #expect(reader.isAtEnd)
        }
    }

    @Test func `a scale divides what a division says it divides`() {
        var generator = SeededGenerator(seed: 1)
        for digits in 0...9 {
            let scale = DecimalScale(digits: digits)
            var divisor: Int64 = 1
            for _ in 0..<digits { divisor *= 10 }
            #expect(scale.divisor == divisor)
            for round in 0..<2000 {
                var value = Int64.random(in: .min ... .max, using: &generator) >> Int64(round % 60)
                if round % 2 == 0 { value = value / divisor * divisor }
                if value == .min { continue }
                #expect(scale.divides(value) == (value % divisor == 0), "\(value) by \(divisor)")
                if scale.divides(value) { #expect(scale.quotient(value) == value / divisor) }
            }
        }
    }

    @Test func `numbers of every length survive the round trip as varints`() throws {
        var out = ByteWriter()
        var numbers: [UInt64] = [0, .max]
        for bit in 0..<64 as Range<UInt64> { numbers += [1 << bit, 1 << bit - 1] }
        for number in numbers { out.append(varint: number) }
        var reader = ByteReader(out.bytes)
        var column = ColumnCursor(out.bytes, NumberColumn(width: 0, signs: .none), count: numbers.count)
        for number in numbers {
            #expect(try reader.varint() == number)
            #expect(column.next() == Int64(bitPattern: number))
        }
        #expect(reader.isAtEnd && column.isUsedUp)
        #expect(column.next() == 0 && !column.isUsedUp)
        for value in [0, 1, -1, Int64.max, .min] { #expect(Varint.unzigzag(Varint.zigzag(value)) == value) }
    }

    @Test func `columns of any numbers survive the round trip in the form chosen`() {
        for seed in 0..<400 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let numbers = generator.numbers(atMost: 300, isSigned: seed % 2 == 0)
            let count = numbers.count
            var scratch = numbers
            var out = ByteWriter()
            let column = scratch.withUnsafeMutableBufferPointer { NumberColumn.write($0, into: &out) }
            #expect(NumberColumn(form: column.form)?.form == column.form)
            #expect(out.count <= count * Varint.maximumByteCount)
            var cursor = ColumnCursor(out.bytes, column, count: count)
            let read = UnsafeMutablePointer<Int64>.allocate(capacity: count)
            defer { read.deallocate() }
            cursor.read(count / 2, into: read)
            cursor.read(count - count / 2, into: read + count / 2)
            #expect(Array(UnsafeBufferPointer(start: read, count: count)) == numbers, "seed \(seed)")
            #expect(cursor.isUsedUp, "seed \(seed)")
            var short = ColumnCursor(UnsafeRawBufferPointer(rebasing: out.bytes.dropLast()), column, count: count)
            short.read(count, into: read)
            #expect(!short.isUsedUp, "seed \(seed)")
        }
    }

    @Test func `a varint of more than 64 bits or not in its shortest form is refused`() {
        for bytes in [[UInt8](repeating: 0xFF, count: 10), [0x80, 0], [0x80]] {
            bytes.withUnsafeBytes { bytes in
                var reader = ByteReader(bytes)
                #expect(throws: MalformedBytes.self) { try reader.varint() }
            }
        }
    }

    @Test(arguments: [2, 100, 255, 256, 5000])
    func `runs are sorted by device and stay in order within one`(_ count: Int) {
        for seed in 0..<10 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let deviceLimit: UInt32 = seed % 2 == 0 ? 3 : 2_000_000
            let devices = (0..<100).map { _ in UInt32.random(in: 0..<deviceLimit, using: &generator) }
            var run = (0..<count).map { i in
                ReadingRecord(
                    series: UInt32.random(in: 0..<100, using: &generator),
                    traits: ReadingTraits(quality: .measured, isInterval: false, unit: .litre),
                    at: Int64(i),
                    value: 0,
                    span: 0,
                    receivedAt: 0
                )
            }
            let expected = run.enumerated().sorted { a, b in
                let (x, y) = (devices[Int(a.element.series)], devices[Int(b.element.series)])
                return x != y ? x < y : a.offset < b.offset
            }
            var sorter = DeviceSort()
            run.withUnsafeMutableBufferPointer { run in
                devices.withUnsafeBufferPointer { sorter.sort(run, deviceOfSeries: $0) }
            }
            #expect(run == expected.map(\.element), "seed \(seed)")
        }
    }
}
