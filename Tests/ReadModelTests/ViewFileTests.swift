import Foundation
import MeterModel
import Testing

@testable import ReadModel

@Suite struct ViewFileTests {
    private func isCorrupt(_ error: any Error) -> Bool {
        if case .corrupt? = error as? ViewError { return true }
        return false
    }

    @Test func `no file`() throws {
        let directory = try TemporaryDirectory()
        #expect(throws: ViewError.missing(path: directory.views)) {
            try ViewStore.openForReading(path: directory.views)
        }
        #expect(!FileManager.default.fileExists(atPath: directory.views))
    }

    @Test func `an empty file becomes views`() throws {
        let directory = try TemporaryDirectory()
        #expect(FileManager.default.createFile(atPath: directory.views, contents: nil))
        #expect(throws: ViewError.missing(path: directory.views)) {
            try ViewStore.openForReading(path: directory.views)
        }
        let store = try ViewStore.open(path: directory.views)
        #expect(try select(store, "PRAGMA journal_mode") == ["wal"])
        try store.close()
    }

    @Test func `some other file is left as it is`() throws {
        let directory = try TemporaryDirectory()
        let content = Data(String(repeating: "not a database\n", count: 100).utf8)
        try content.write(to: URL(fileURLWithPath: directory.views))
        #expect(throws: ViewError.notViews(path: directory.views)) { try ViewStore.open(path: directory.views) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: directory.views)) == content)
    }

    @Test func `a database of another program is refused`() throws {
        let directory = try TemporaryDirectory()
        let store = try ViewStore.open(path: directory.views)
        try execute(store, "PRAGMA application_id = 7")
        try store.close()
        #expect(throws: ViewError.notViews(path: directory.views)) { try ViewStore.open(path: directory.views) }
        #expect(throws: ViewError.notViews(path: directory.views)) {
            try ViewStore.openForReading(path: directory.views)
        }
    }

    @Test func `another schema version calls for a rebuild`() throws {
        let directory = try TemporaryDirectory()
        let store = try ViewStore.open(path: directory.views)
        try execute(store, "PRAGMA user_version = 99")
        try store.close()
        let error = ViewError.otherSchema(found: 99, expected: Schema.version)
        #expect(throws: error) { try ViewStore.open(path: directory.views) }
        #expect(throws: error) { try ViewStore.openForReading(path: directory.views) }
        #expect(error.callsForRebuild)
    }

    @Test func `a damaged file is said to be damaged`() throws {
        let directory = try TemporaryDirectory()
        let store = try ViewStore.open(path: directory.views)
        try store.transaction { writer in
            for index: UInt32 in 0..<5000 {
                try writer.putDevice(DeviceRow(deviceID: index, device: "device \(index)"))
            }
        }
        try store.close()
        let url = URL(fileURLWithPath: directory.views)
        let sound = try Data(contentsOf: url)

        var pages = sound
        for offset in stride(from: 4096, to: pages.count - 4096, by: 4096) {
            pages.replaceSubrange(offset..<offset + 64, with: repeatElement(0xA5, count: 64))
        }
        try pages.write(to: url)
        #expect(
            performing: {
                let store = try ViewStore.open(path: directory.views)
                defer { try? store.close() }
                _ = try output(store, ViewQuery(.devices))
            },
            throws: isCorrupt
        )

        var header = sound
        header.replaceSubrange(0..<16, with: repeatElement(0, count: 16))
        try header.write(to: url)
        #expect(performing: { try ViewStore.open(path: directory.views) }, throws: isCorrupt)
    }
}
