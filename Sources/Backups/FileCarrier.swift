import RecordLog

/// Brings a file from one directory to another: it gets its name once it was synced and read back.
///
/// Not `Sendable`: one owner uses it from one place at a time.
final class FileCarrier {
    private let fileSystem: any FileSystem
    /// Where files lie until they are proved.
    private let staging: String
    private let ours = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkByteCount, alignment: 16)
    private let theirs = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkByteCount, alignment: 16)

    /// How much is read and written at once.
    private static let chunkByteCount = 1 << 20

    init(fileSystem: any FileSystem, staging: String) {
        self.fileSystem = fileSystem
        self.staging = staging
    }

    deinit {
        ours.deallocate()
        theirs.deallocate()
    }

    /// Removes what a run that was cut off left in the staging folder.
    func clear() throws(RecordLogError) {
        for name in try fileSystem.names(inDirectory: staging) { try fileSystem.remove(staging + "/" + name) }
    }

    /// Brings a small file, unless an equal one is there.
    ///
    /// - Returns: whether it was copied; nil if there is none, and then none is left.
    func bring(_ name: String, from source: String, to target: String) throws(RecordLogError) -> Bool? {
        guard let file = try fileSystem.openIfThere(source + "/" + name) else {
            if try fileSystem.removeIfThere(target + "/" + name) { try fileSystem.syncDirectory(target) }
            return nil
        }
        defer { file.close() }
        // A file of the quarantine may be growing: what it has now is what is copied.
        let byteCount = try file.byteCount()
        let content = FileStart(file: file, byteCount: byteCount)
        if try isEqual(target + "/" + name, content) { return false }
        let copy = try begin(name, isPrivate: true)
        defer { copy.close() }
        try write(content, to: copy)
        try settle(copy)
        guard try isEqual(staging + "/" + name, content) else {
            throw RecordLogError(
                .inputOutput,
                "what was written is not what is read back",
                place: LogPlace(file: staging + "/" + name),
                hint: "check the device that holds it"
            )
        }
        try finish(name, to: target)
        return true
    }

    // MARK: Steps

    func begin(_ name: String, isPrivate: Bool) throws(RecordLogError) -> any OpenFile {
        try fileSystem.open(staging + "/" + name, mode: isPrivate ? .createPrivate : .createNew)
    }

    func write(
        _ content: some CopiedContent,
        to copy: any OpenFile,
        progress: CopyProgress? = nil
    ) throws(RecordLogError) {
        var offset = 0
        while offset < content.byteCount {
            let count = try content.read(into: ours, at: offset)
            if count == 0 { break }
            try copy.write(UnsafeRawBufferPointer(rebasing: ours[..<count]), at: offset)
            offset += count
            progress?.advance(count)
        }
    }

    /// Writes zeros.
    func writeZeros(_ range: Range<Int>, to copy: any OpenFile) throws(RecordLogError) {
        ours.initializeMemory(as: UInt8.self, repeating: 0)
        var offset = range.lowerBound
        while offset < range.upperBound {
            let count = min(ours.count, range.upperBound - offset)
            try copy.write(UnsafeRawBufferPointer(rebasing: ours[..<count]), at: offset)
            offset += count
        }
    }

    /// Makes a copy durable, and sees to it that it is then read from the device.
    func settle(_ copy: any OpenFile) throws(RecordLogError) {
        try copy.sync()
        try copy.dropCache()
    }

    /// Gives a proved copy its name.
    func finish(_ name: String, to target: String) throws(RecordLogError) {
        try fileSystem.rename(staging + "/" + name, to: target + "/" + name)
        try fileSystem.syncDirectory(target)
        try fileSystem.syncDirectory(staging)
    }

    /// Whether a file holds exactly these bytes, and `zeroCount` zeros behind them; false if there is none.
    func isEqual(
        _ path: String,
        _ content: some CopiedContent,
        zeroCount: Int = 0
    ) throws(RecordLogError) -> Bool {
        let byteCount = content.byteCount
        guard let file = try fileSystem.openIfThere(path) else { return false }
        defer { file.close() }
        guard try file.byteCount() == byteCount + zeroCount else { return false }
        var offset = 0
        while offset < byteCount {
            let wanted = try content.read(into: ours, at: offset)
            let there = UnsafeMutableRawBufferPointer(rebasing: theirs[..<wanted])
            guard wanted > 0, try file.read(into: there, at: offset) == wanted,
                there.elementsEqual(UnsafeMutableRawBufferPointer(rebasing: ours[..<wanted]))
            else { return false }
            offset += wanted
        }
        while offset < byteCount + zeroCount {
            let wanted = min(theirs.count, byteCount + zeroCount - offset)
            let there = UnsafeMutableRawBufferPointer(rebasing: theirs[..<wanted])
            guard try file.read(into: there, at: offset) == wanted, there.allSatisfy({ $0 == 0 }) else { return false }
            offset += wanted
        }
        return true
    }
}

/// Bytes that are to be copied.
protocol CopiedContent {
    /// How many there are.
    var byteCount: Int { get }
    /// Reads some at an offset: as many as `target` takes, fewer at the end; returns how many.
    func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(RecordLogError) -> Int
}

/// A file's first bytes.
private struct FileStart: CopiedContent {
    let file: any OpenFile
    let byteCount: Int

    func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) throws(RecordLogError) -> Int {
        let wanted = min(target.count, max(0, byteCount - offset))
        return try file.read(into: UnsafeMutableRawBufferPointer(rebasing: target[..<wanted]), at: offset)
    }
}

/// Tells whoever waits how far a copy is.
///
/// Not `Sendable`: it belongs to the run that it is told of.
final class CopyProgress {
    private let total: UInt64
    private var done: UInt64 = 0
    private let tell: (UInt64, UInt64) -> Void

    init(total: UInt64, _ tell: @escaping (UInt64, UInt64) -> Void) {
        self.total = total
        self.tell = tell
    }

    func advance(_ count: Int) {
        done += UInt64(count)
        tell(done, total)
    }
}
