import Glibc
import TestStage
import Testing

@testable import RecordLog

/// Damage to a log at rest: whatever byte is hit, nothing acknowledged is lost without a name, and nothing wrong is
/// handed out.
@Suite struct DamageTests {
    /// What the three doors to a log say about one damaged copy.
    private struct Verdicts {
        var readsAll = false
        var readerDamage: RecordLogError?
        var opens = false
        var openHead: UInt64 = 0
        var openDamage: RecordLogError?
        var report: VerificationReport?
        var verifyError: RecordLogError?

        var isNamedByVerify: Bool { verifyError != nil || report?.findings.isEmpty == false }
    }

    /// Looks at a damaged copy through reader, verification and, last because it may write, opening.
    private static func inspect(
        _ fileSystem: SimulatedFileSystem,
        acknowledged: [TestBlock],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Verdicts {
        var verdicts = Verdicts()
        let head = acknowledged.last.map { $0.firstPosition + UInt64($0.recordCount) - 1 } ?? 0
        var blocks: [TestBlock] = []
        do {
            let reader = try RecordLogReader(directory: TestLog.directory, fileSystem: fileSystem)
            try reader.forEachBlock(from: 1, through: head) { view in
                blocks.append(
                    TestBlock(body: Array(view.body), recordCount: view.recordCount, firstPosition: view.firstPosition)
                )
                return .proceed
            }
            verdicts.readsAll = true
        } catch let error as RecordLogError {
            verdicts.readerDamage = error
        }
        // Whatever was handed out is a prefix of what was acknowledged.
        #expect(acknowledged.starts(with: blocks), sourceLocation: sourceLocation)
        #expect(verdicts.readerDamage != nil || blocks == acknowledged, sourceLocation: sourceLocation)
        do throws(RecordLogError) {
            verdicts.report = try RecordLogVerification.run(
                directory: TestLog.directory,
                fileSystem: fileSystem,
                expectedHead: head
            ) { .sha256($0.body) }
        } catch {
            verdicts.verifyError = error
        }
        do throws(RecordLogError) {
            let (writer, report) = try TestLog.open(
                fileSystem,
                configuration: TestLog.configuration(expectedHead: head)
            )
            verdicts.opens = true
            verdicts.openHead = report.head
            writer.close()
        } catch {
            verdicts.openDamage = error
        }
        return verdicts
    }

    /// All bits in a release build; unoptimised, or where `METERFOLD_SEEDS` asks for less, every thirteenth.
    #if DEBUG
        private static let bitStride = 13
    #else
        private static let bitStride = getenv("METERFOLD_SEEDS") == nil ? 1 : 13
    #endif

    private static func smallLog() throws -> (SimulatedFileSystem, [TestBlock]) {
        var generator = SeededGenerator(seed: 5)
        let noise = (0..<3).map { _ in (0..<90).map { _ in UInt8.random(in: 0...255, using: &generator) } }
        let bodies: [[UInt8]] = [
            Array("first".utf8), noise[0], [UInt8](repeating: 7, count: 300), noise[1],
            [UInt8](repeating: 0, count: 700), Array("sixth".utf8), noise[2], [],
        ]
        return try TestLog.make(bodies: bodies, rollAfter: [1, 3])
    }

    @Test func `a sound log is sound`() throws {
        let (fileSystem, blocks) = try Self.smallLog()
        #expect(try TestLog.segmentPaths(fileSystem).count == 3)
        let report = try TestLog.verify(fileSystem)
        #expect(report.findings.isEmpty)
        #expect(report.blockCount == blocks.count)
        #expect(try TestLog.read(fileSystem) == blocks)
    }

    @Test func `every single flipped bit is named and costs no acknowledged record silently`() throws {
        let (original, blocks) = try Self.smallLog()
        let head = blocks.map { UInt64($0.recordCount) }.reduce(0, +)
        for (number, path) in try TestLog.segmentPaths(original).enumerated() {
            let content = try #require(original.content(of: path))
            for bit in stride(from: 0, to: content.count * 8, by: Self.bitStride) {
                var flipped = content
                flipped[bit / 8] ^= 1 << UInt8(bit % 8)
                let fileSystem = original.copy()
                fileSystem.setContent(flipped, of: path)
                let verdicts = try Self.inspect(fileSystem, acknowledged: blocks)
                guard verdicts.isNamedByVerify, verdicts.openDamage != nil || verdicts.openHead == head else {
                    Issue.record("segment \(number), bit \(bit): \(verdicts)")
                    return
                }
                // In the active segment every flip is damage at once, and never a torn tail.
                if number == 2,
                    verdicts.opens || verdicts.report?.findings.contains(where: { $0.kind == .tornTail }) == true
                {
                    Issue.record("active segment, bit \(bit): taken for a torn tail: \(verdicts)")
                    return
                }
            }
        }
    }

    /// 64 KiB in a sealed segment and one in use, the last quarter of it not yet written.
    private static func largerLog() throws -> (SimulatedFileSystem, [TestBlock]) {
        let fileSystem = SimulatedFileSystem(seed: 1)
        let (writer, _) = try TestLog.open(
            fileSystem,
            configuration: TestLog.configuration(segmentByteCount: 32 << 10)
        )
        var generator = SeededGenerator(seed: 17)
        var blocks: [TestBlock] = []
        var writtenByteCount = 0
        while writtenByteCount < 52 << 10 {
            var block = TestBlock(body: generator.body(maximumByteCount: 3000), recordCount: 1 + blocks.count % 3)
            block.firstPosition = try TestLog.append(block, to: writer).lowerBound
            blocks.append(block)
            writtenByteCount = writer.writtenByteCount
        }
        writer.close()
        return (fileSystem, blocks)
    }

    @Test(arguments: 0..<2)
    func `every single bit of a log of 64 KiB is watched over`(_ shard: Int) async throws {
        let fault = try await onThread { try Self.unwatchedBit(shard) }
        if let fault { Issue.record("\(fault)") }
    }

    /// The first bit of half of them that is not watched over, and how that shows.
    private static func unwatchedBit(_ shard: Int) throws -> String? {
        let (original, blocks) = try Self.largerLog()
        let paths = try TestLog.segmentPaths(original)
        let byteCounts = paths.map { original.content(of: $0)?.count ?? 0 }
        #expect(paths.count == 2 && byteCounts.reduce(0, +) >= 60 << 10, "\(byteCounts)")
        let head = blocks.map { UInt64($0.recordCount) }.reduce(0, +)
        let fileSystem = original.copy()
        for path in paths {
            let content = try #require(original.content(of: path))
            for bit in stride(from: shard, to: content.count * 8, by: 2 * Self.bitStride) {
                var flipped = content
                flipped[bit / 8] ^= 1 << UInt8(bit % 8)
                fileSystem.setContent(flipped, of: path)
                let verdicts = try Self.inspect(fileSystem, acknowledged: blocks)
                guard verdicts.isNamedByVerify, verdicts.openDamage != nil || verdicts.openHead == head else {
                    return "\(path), bit \(bit): \(verdicts)"
                }
                // Whoever refuses changes nothing: a later look finds what this one found.
                if verdicts.openDamage != nil, fileSystem.content(of: path) != flipped {
                    return "\(path), bit \(bit): refused, and yet changed"
                }
            }
            fileSystem.setContent(content, of: path)
        }
        return nil
    }

    @Test func `what is known to have been acknowledged is never trimmed`() throws {
        let (original, blocks) = try Self.smallLog()
        let path = try #require(try TestLog.segmentPaths(original).last)
        let place = try #require(try Self.places(original).last)
        let head = blocks.map { UInt64($0.recordCount) }.reduce(0, +)
        var content = try #require(original.content(of: path))
        // As a write leaves it that did not come to its end.
        content[place.range.upperBound - 1] = 0
        original.setContent(content, of: path)
        let error = #expect(throws: RecordLogError.self) {
            _ = try TestLog.open(original, configuration: TestLog.configuration(expectedHead: head))
        }
        #expect(error?.code == .corruption)
        #expect(original.content(of: path) == content)
        let (writer, report) = try TestLog.open(original)
        writer.close()
        #expect(report.findings.map(\.kind) == [.tornTail])
    }

    @Test func `a segment cut at any byte is named`() throws {
        let (original, blocks) = try Self.smallLog()
        for path in try TestLog.segmentPaths(original) {
            let content = try #require(original.content(of: path))
            for byteCount in 0..<content.count {
                let fileSystem = original.copy()
                fileSystem.setContent(Array(content[..<byteCount]), of: path)
                let verdicts = try Self.inspect(fileSystem, acknowledged: blocks)
                guard verdicts.isNamedByVerify, verdicts.readsAll || verdicts.readerDamage != nil,
                    verdicts.openDamage != nil || verdicts.openHead == blocks.count + 4
                else {
                    Issue.record("\(path) cut to \(byteCount): \(verdicts)")
                    return
                }
            }
        }
    }

    @Test func `a whole log cut at any byte is named once the head is known`() throws {
        let (original, blocks) = try Self.smallLog()
        let paths = try TestLog.segmentPaths(original)
        for (number, path) in paths.enumerated() {
            let content = try #require(original.content(of: path))
            for byteCount in stride(from: 0, to: content.count, by: 3) {
                let fileSystem = original.copy()
                fileSystem.setContent(Array(content[..<byteCount]), of: path)
                for later in paths[(number + 1)...] { try fileSystem.remove(later) }
                let verdicts = try Self.inspect(fileSystem, acknowledged: blocks)
                guard verdicts.openDamage != nil,
                    verdicts.report?.hasDamage != false
                else {
                    Issue.record("cut at \(byteCount) of segment \(number): \(verdicts)")
                    return
                }
            }
        }
    }

    @Test func `a missing segment is named`() throws {
        let (original, blocks) = try Self.smallLog()
        for path in try TestLog.segmentPaths(original) {
            let fileSystem = original.copy()
            try fileSystem.remove(path)
            let verdicts = try Self.inspect(fileSystem, acknowledged: blocks)
            #expect(verdicts.openDamage != nil && verdicts.readerDamage != nil)
            #expect(verdicts.report?.hasDamage == true)
        }
    }

    /// How one block's place gets another's bytes.
    enum Misplacement: CaseIterable {
        case overwritten
        case swapped
        case zeroed
        case staleSecondCopy
    }

    @Test(arguments: Misplacement.allCases)
    func `every pair of misplaced blocks is named`(_ misplacement: Misplacement) throws {
        let bodies = (0..<24).map { number in (0..<60).map { UInt8(truncatingIfNeeded: $0 &* number &+ number) } }
        let (original, blocks) = try TestLog.make(bodies: bodies, rollAfter: [7, 15])
        let places = try Self.places(original)
        #expect(places.count == 24)
        for first in places.indices {
            for second in places.indices where first != second {
                let fileSystem = original.copy()
                Self.misplace(misplacement, places[first], places[second], in: fileSystem, end: places[23])
                let verdicts = try Self.inspect(fileSystem, acknowledged: blocks)
                let opening = verdicts.openDamage != nil || verdicts.openHead == blocks.count + 16
                guard verdicts.isNamedByVerify, opening, verdicts.report?.hasDamage == true else {
                    Issue.record("\(misplacement) \(first) \(second): \(verdicts)")
                    return
                }
            }
        }
    }

    private struct Place {
        var path: String
        var range: Range<Int>
    }

    private static func places(_ fileSystem: SimulatedFileSystem) throws -> [Place] {
        var places: [Place] = []
        for path in try TestLog.segmentPaths(fileSystem) {
            let content = try #require(fileSystem.content(of: path))
            content.withUnsafeBytes { bytes in
                guard case .header(let header) = SegmentHeader.decode(bytes) else { return }
                let scan = SegmentScan(bytes, header: header)
                let ends = scan.entries.dropFirst().map(\.offset) + [scan.endOffset]
                for (entry, end) in zip(scan.entries, ends) {
                    places.append(Place(path: path, range: entry.offset..<end))
                }
            }
        }
        return places
    }

    /// Does the damage.
    private static func misplace(
        _ misplacement: Misplacement,
        _ first: Place,
        _ second: Place,
        in fileSystem: SimulatedFileSystem,
        end: Place
    ) {
        let firstBytes = Array(fileSystem.content(of: first.path)?[first.range] ?? [])
        let secondBytes = Array(fileSystem.content(of: second.path)?[second.range] ?? [])
        func put(_ bytes: [UInt8], at place: Place) {
            var content = fileSystem.content(of: place.path) ?? []
            let count = min(bytes.count, place.range.count)
            content.replaceSubrange(place.range.lowerBound..<place.range.lowerBound + count, with: bytes[..<count])
            fileSystem.setContent(content, of: place.path)
        }
        switch misplacement {
        case .overwritten: put(firstBytes, at: second)
        case .swapped:
            put(firstBytes, at: second)
            put(secondBytes, at: first)
        case .zeroed:
            put([UInt8](repeating: 0, count: firstBytes.count), at: first)
            put([UInt8](repeating: 0, count: secondBytes.count), at: second)
        case .staleSecondCopy:
            let behind = end.range.upperBound..<end.range.upperBound + firstBytes.count
            put(firstBytes, at: Place(path: end.path, range: behind))
        }
    }

    @Test func `damage names segment, offset and positions`() throws {
        let (fileSystem, _) = try Self.smallLog()
        let place = try #require(try Self.places(fileSystem).dropFirst(5).first)
        var content = try #require(fileSystem.content(of: place.path))
        content[place.range.lowerBound + BlockHeader.byteCount + 1] ^= 0x10
        fileSystem.setContent(content, of: place.path)
        let error = #expect(throws: RecordLogError.self) { _ = try TestLog.open(fileSystem) }
        #expect(error?.code == .corruption)
        #expect(error?.place?.byteOffset == place.range.lowerBound)
        #expect(error?.place?.positions == 8...10)
        let report = try TestLog.verify(fileSystem)
        #expect(report.findings.count == 1)
        #expect(report.findings.first?.place.positions == 8...10)
    }

    @Test func `a changed content with right checksums breaks the chain`() throws {
        let (fileSystem, _) = try Self.smallLog()
        let report = try RecordLogVerification.run(directory: TestLog.directory, fileSystem: fileSystem) { view in
            view.firstPosition == 2 ? .zero : .sha256(view.body)
        }
        #expect(report.findings.map(\.kind) == [.chain])
        #expect(report.findings.first?.place.positions == 2...2)
    }

    @Test func `a newer kind of segment is refused by name`() throws {
        let (fileSystem, _) = try TestLog.make(bodies: [[1, 2, 3]])
        let path = try #require(try TestLog.segmentPaths(fileSystem).first)
        var content = try #require(fileSystem.content(of: path))
        content.withUnsafeMutableBytes { bytes in
            guard case .header(var header) = SegmentHeader.decode(UnsafeRawBufferPointer(bytes)) else { return }
            header.kind = 1
            header.encode(into: bytes)
        }
        fileSystem.setContent(content, of: path)
        #expect(throws: RecordLogError.self) { _ = try TestLog.read(fileSystem) }
        let error = #expect(throws: RecordLogError.self) { _ = try TestLog.open(fileSystem) }
        #expect(error?.code == .newerVersion)
    }
}
