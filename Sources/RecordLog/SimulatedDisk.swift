/// The state of a `SimulatedFileSystem`: nodes with visible and durable bytes, directories with visible and durable
/// names.
struct SimulatedDisk {
    /// What is done to a file.
    enum Change {
        case write(offset: Int, bytes: [UInt8])
        case truncate(byteCount: Int)
    }

    /// A change that is not durable yet, and what becomes of it when it should be.
    struct PendingChange {
        var change: Change
        var fate = Fate.kept
    }

    /// A file's content, apart from its names.
    struct Node {
        var visible: [UInt8] = []
        var durable: [UInt8] = []
        /// What leads from `durable` to `visible`, unless a sync failed in between.
        var changes: [PendingChange] = []
        /// What would be durable if every write had gone where it was to go; nil: what is.
        var meant: [UInt8]?
    }

    /// The names in a directory: of nodes, by number.
    struct Directory {
        var visible: [String: Int] = [:]
        var durable: [String: Int] = [:]
        var isDurable: Bool
    }

    var nodes: [Node] = []
    private(set) var directories: [String: Directory]
    private var randomState: UInt64
    private(set) var isPowerOff = false
    private(set) var generation = 0
    private(set) var operationCount = 0
    private(set) var readCount = 0
    var faults: [Int: SimulatedFileSystem.Fault] = [:]
    /// Numbers of operations that only look and are to fail.
    var readFaults: Set<Int> = []
    var locks: [String: String] = [:]
    /// What is to become of writes: each of the first one from an operation on.
    var lies: [(operation: Int, lie: SimulatedFileSystem.Lie)] = []
    /// The lies so far by which the durable bytes became others.
    var lieCounts: [SimulatedFileSystem.Lie: Int] = [:]

    typealias Outcome<Value> = Result<Value, RecordLogError>

    init(seed: UInt64, directory: String) {
        randomState = seed
        directories = [directory: Directory(isDurable: true)]
    }

    func copied(seed: UInt64) -> SimulatedDisk {
        var copy = self
        copy.randomState = seed
        copy.faults = [:]
        copy.readFaults = []
        copy.locks = [:]
        copy.lies = []
        copy.generation += 1
        return copy
    }

    mutating func random(below bound: UInt64) -> UInt64 {
        splitMix64(&randomState) % bound
    }

    private static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return ("", path) }
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    private func missing(_ path: String) -> RecordLogError {
        RecordLogError(.notFound, "no such file or directory", place: LogPlace(file: path), systemError: 2)
    }

    private static let powerIsOff = RecordLogError(.inputOutput, "the power is off", systemError: 5)

    /// Counts a changing operation; the fault that strikes it, if any.
    private mutating func nextFault() -> SimulatedFileSystem.Fault? {
        defer { operationCount += 1 }
        return faults.removeValue(forKey: operationCount)
    }

    /// Counts an operation that only looks; the error that strikes it, if any.
    private mutating func readFault(_ path: String) -> RecordLogError? {
        defer { readCount += 1 }
        if isPowerOff { return Self.powerIsOff }
        return readFaults.remove(readCount) == nil ? nil : .inputOutput("injected input/output error", path: path)
    }

    /// Counts an operation that takes effect entirely or, struck by a fault, not at all.
    private mutating func whole(_ path: String) -> RecordLogError? {
        if isPowerOff { return Self.powerIsOff }
        switch nextFault() {
        case nil: return nil
        case .noSpace: return noSpace(path)
        case .inputOutputError, .shortWrite: return .inputOutput("injected input/output error", path: path)
        case .powerCut:
            isPowerOff = true
            return Self.powerIsOff
        }
    }

    private func noSpace(_ path: String) -> RecordLogError {
        RecordLogError(.noSpace, "no space left on device", place: LogPlace(file: path), systemError: 28)
    }

    // Names.

    func number(of path: String) -> Int? {
        let (directory, name) = Self.split(path)
        return directories[directory]?.visible[name]
    }

    func node(_ path: String) -> Node? { number(of: path).map { nodes[$0] } }

    mutating func setContent(_ content: [UInt8], of path: String) {
        let (directory, name) = Self.split(path)
        let number = directories[directory]?.visible[name] ?? nodes.count
        if number == nodes.count { nodes.append(Node()) }
        nodes[number] = Node(visible: content, durable: content)
        directories[directory]?.visible[name] = number
        directories[directory]?.durable[name] = number
    }

    mutating func makeDirectory(_ path: String) -> Outcome<Void> {
        if directories[path] != nil { return isPowerOff ? .failure(Self.powerIsOff) : .success(()) }
        if let error = whole(path) { return .failure(error) }
        guard directories[Self.split(path).directory] != nil else { return .failure(missing(path)) }
        directories[path] = Directory(isDurable: false)
        return .success(())
    }

    mutating func names(inDirectory path: String) -> Outcome<[String]> {
        if let error = readFault(path) { return .failure(error) }
        guard let directory = directories[path] else { return .failure(missing(path)) }
        let folders = directories.keys.map { Self.split($0) }.filter { $0.directory == path }.map(\.name)
        return .success((directory.visible.keys + folders).sorted())
    }

    mutating func open(_ path: String, mode: FileOpenMode) -> Outcome<(Int, Int)> {
        if isPowerOff { return .failure(Self.powerIsOff) }
        let (directory, name) = Self.split(path)
        guard let entries = directories[directory] else { return .failure(missing(path)) }
        if let number = entries.visible[name] {
            if mode.makesNewFile {
                let error = RecordLogError(.exists, "the file exists", place: LogPlace(file: path), systemError: 17)
                return .failure(error)
            }
            if let error = readFault(path) { return .failure(error) }
            return .success((number, generation))
        }
        guard mode.makesFile else { return .failure(missing(path)) }
        if let error = whole(path) { return .failure(error) }
        nodes.append(Node())
        directories[directory]?.visible[name] = nodes.count - 1
        return .success((nodes.count - 1, generation))
    }

    mutating func rename(_ path: String, to newPath: String) -> Outcome<Void> {
        if let error = whole(path) { return .failure(error) }
        let (old, oldName) = Self.split(path)
        let (new, newName) = Self.split(newPath)
        guard let number = directories[old]?.visible[oldName], directories[new] != nil else {
            return .failure(missing(path))
        }
        directories[old]?.visible[oldName] = nil
        directories[new]?.visible[newName] = number
        return .success(())
    }

    mutating func link(_ path: String, to newPath: String) -> Outcome<Void> {
        if let error = whole(path) { return .failure(error) }
        let (old, oldName) = Self.split(path)
        let (new, newName) = Self.split(newPath)
        guard let number = directories[old]?.visible[oldName], let target = directories[new] else {
            return .failure(missing(path))
        }
        guard target.visible[newName] == nil else { return .failure(.inputOutput("the name is taken", path: newPath)) }
        directories[new]?.visible[newName] = number
        return .success(())
    }

    mutating func remove(_ path: String) -> Outcome<Void> {
        if let error = whole(path) { return .failure(error) }
        let (directory, name) = Self.split(path)
        guard directories[directory]?.visible.removeValue(forKey: name) != nil else { return .failure(missing(path)) }
        return .success(())
    }

    mutating func syncDirectory(_ path: String) -> Outcome<Void> {
        if let error = whole(path) { return .failure(error) }
        guard let entries = directories[path] else { return .failure(missing(path)) }
        directories[path]?.durable = entries.visible
        for child in directories.keys where Self.split(child).directory == path {
            directories[child]?.isDurable = true
        }
        return .success(())
    }

    // Content.

    mutating func byteCount(_ node: Int) -> Outcome<Int> {
        if let error = readFault("node \(node)") { return .failure(error) }
        return .success(nodes[node].visible.count)
    }

    mutating func read(_ node: Int, into target: UnsafeMutableRawBufferPointer, at offset: Int) -> Outcome<Int> {
        if let error = readFault("node \(node)") { return .failure(error) }
        let visible = nodes[node].visible
        guard offset < visible.count else { return .success(0) }
        let count = min(target.count, visible.count - offset)
        visible.withUnsafeBytes { source in
            UnsafeMutableRawBufferPointer(rebasing: target[..<count])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[offset..<offset + count]))
        }
        return .success(count)
    }

    mutating func write(_ node: Int, _ source: UnsafeRawBufferPointer, at offset: Int) -> Outcome<Void> {
        if isPowerOff { return .failure(Self.powerIsOff) }
        switch nextFault() {
        case nil:
            let fate = nextFate(node, offset..<offset + source.count)
            record(node, .write(offset: offset, bytes: Array(source)), fate)
            return .success(())
        case .inputOutputError: return .failure(.inputOutput("injected input/output error", path: "node \(node)"))
        case .noSpace: return .failure(noSpace("node \(node)"))
        case .shortWrite:
            let bytes = Array(source[..<(source.count / 2)])
            record(node, .write(offset: offset, bytes: bytes))
            return .failure(.inputOutput("wrote only \(bytes.count) of \(source.count) bytes", path: "node \(node)"))
        case .powerCut:
            record(node, .write(offset: offset, bytes: Array(source)))
            isPowerOff = true
            return .failure(Self.powerIsOff)
        }
    }

    mutating func truncate(_ node: Int, to byteCount: Int) -> Outcome<Void> {
        if isPowerOff { return .failure(Self.powerIsOff) }
        let fault = nextFault()
        if fault == nil || fault == .powerCut { record(node, .truncate(byteCount: byteCount)) }
        switch fault {
        case nil: return .success(())
        case .noSpace: return .failure(noSpace("node \(node)"))
        case .inputOutputError, .shortWrite:
            return .failure(.inputOutput("injected input/output error", path: "node \(node)"))
        case .powerCut:
            isPowerOff = true
            return .failure(Self.powerIsOff)
        }
    }

    mutating func sync(_ node: Int) -> Outcome<Void> {
        if isPowerOff { return .failure(Self.powerIsOff) }
        switch nextFault() {
        case nil:
            // Reads of unchanged files are free; a failed earlier sync stays failed.
            let changes = nodes[node].changes
            nodes[node].changes = []
            for pending in changes { settle(pending.change, of: node, pending.fate) }
            return .success(())
        case .powerCut:
            isPowerOff = true
            return .failure(Self.powerIsOff)
        case .inputOutputError, .noSpace, .shortWrite:
            // The system marks the pages clean although they may not have reached the disk.
            tear(node)
            return .failure(.inputOutput("injected input/output error", path: "node \(node)"))
        }
    }

    mutating func dropCache(_ node: Int) -> Outcome<Void> {
        if isPowerOff { return .failure(Self.powerIsOff) }
        if nodes[node].changes.isEmpty { nodes[node].visible = nodes[node].durable }
        return .success(())
    }

    private mutating func record(_ node: Int, _ change: Change, _ fate: Fate = .kept) {
        Self.apply(change, to: &nodes[node].visible)
        nodes[node].changes.append(PendingChange(change: change, fate: fate))
    }

    static func apply(_ change: Change, to content: inout [UInt8]) {
        switch change {
        case .truncate(let byteCount): resize(&content, to: byteCount)
        case .write(let offset, let bytes):
            if content.count < offset + bytes.count { resize(&content, to: offset + bytes.count) }
            content.withUnsafeMutableBytes { target in
                UnsafeMutableRawBufferPointer(rebasing: target[offset..<offset + bytes.count]).copyBytes(from: bytes)
            }
        }
    }

    static func resize(_ content: inout [UInt8], to byteCount: Int) {
        if content.count > byteCount {
            content.removeLast(content.count - byteCount)
        } else {
            content.append(contentsOf: repeatElement(0, count: byteCount - content.count))
        }
    }

    // Crashes.

    mutating func restart() {
        for number in nodes.indices {
            if !nodes[number].changes.isEmpty { tear(number) }
            nodes[number].visible = nodes[number].durable
        }
        for path in directories.keys.sorted() {
            if directories[path]?.isDurable == false, random(below: 2) == 0 {
                directories[path] = nil
                continue
            }
            directories[path]?.isDurable = true
            restoreNames(path)
        }
        isPowerOff = false
        faults = [:]
        readFaults = []
        locks = [:]
        generation += 1
    }

    /// Each name that is not durable is kept as it was or as it is, independently of the others.
    private mutating func restoreNames(_ path: String) {
        guard var directory = directories[path] else { return }
        let names = Set(directory.visible.keys).union(directory.durable.keys).sorted()
        for name in names where directory.visible[name] != directory.durable[name] {
            let keepsOld = random(below: 2) == 0
            directory.durable[name] = keepsOld ? directory.durable[name] : directory.visible[name]
        }
        directory.visible = directory.durable
        directories[path] = directory
    }

    /// Lets a choice of a file's changes reach the disk, and forgets the rest.
    private mutating func tear(_ node: Int) {
        let changes = nodes[node].changes
        nodes[node].changes = []
        for pending in changes {
            switch (pending.change, random(below: 4)) {
            case (_, 0): continue
            case (_, 1), (.truncate, _): settle(pending.change, of: node, pending.fate)
            case (.write(let offset, let bytes), 2):
                let count = Int(random(below: UInt64(bytes.count + 1)))
                settle(.write(offset: offset, bytes: Array(bytes[..<count])), of: node, pending.fate)
            case (.write(let offset, let bytes), _):
                for piece in SectorPieces(offset..<offset + bytes.count) where random(below: 2) == 0 {
                    let part = Array(bytes[(piece.lowerBound - offset)..<(piece.upperBound - offset)])
                    settle(.write(offset: piece.lowerBound, bytes: part), of: node, pending.fate)
                }
            }
        }
    }
}
