/// A disk that says it has written what it has not, or has written it somewhere else.
///
/// Invariants: until a file's pages are dropped from memory they show what was written; `Node.meant` is what an honest
/// disk would hold, torn at the same places, so that what differs from it is false.
extension SimulatedDisk {
    /// What becomes of a change when it should become durable.
    enum Fate: Equatable {
        /// It is done.
        case kept
        /// It is not done.
        case lost
        /// It is done so many bytes further on, or before, and perhaps in another file.
        case misdirected(node: Int, distance: Int)
    }

    /// What is to become of a write that is about to be made.
    mutating func nextFate(_ node: Int, _ range: Range<Int>) -> Fate {
        guard let due = lies.firstIndex(where: { $0.operation < operationCount }) else { return .kept }
        guard lies.remove(at: due).lie == .misdirected else { return .lost }
        let numbers = Set(directories.values.flatMap(\.visible.values)).sorted()
        let others = numbers.filter { $0 != node && !nodes[$0].visible.isEmpty }
        let isElsewhere = !others.isEmpty && random(below: 2) == 0
        let target = isElsewhere ? others[Int(random(below: UInt64(others.count)))] : node
        let byteCount = UInt64(max(1, nodes[target].visible.count))
        let sector = RecordLogLimits.sectorByteCount
        // Mostly a wrong sector is hit, now and then any place.
        let start =
            random(below: 4) == 0
            ? Int(random(below: byteCount))
            : Int(random(below: byteCount)) / sector * sector + range.lowerBound % sector
        guard target != node || start != range.lowerBound else { return .lost }
        return .misdirected(node: target, distance: start - range.lowerBound)
    }

    /// Makes a change durable, or does to it what the disk does instead.
    mutating func settle(_ change: Change, of node: Int, _ fate: Fate) {
        guard fate != .kept, case .write(let offset, let bytes) = change, !bytes.isEmpty else {
            Self.apply(change, to: &nodes[node].durable)
            mean(change, of: node)
            return
        }
        keepMeant(node)
        mean(change, of: node)
        // The file is as long as it was said to become: that is written elsewhere.
        let end = offset + bytes.count
        if nodes[node].durable.count < end { Self.resize(&nodes[node].durable, to: end) }
        var isFalse = nodes[node].durable[offset..<end] != bytes[...]
        if case .misdirected(let target, let distance) = fate {
            let start = offset + distance
            let part = bytes.prefix(max(0, nodes[target].durable.count - start))
            if !part.isEmpty, nodes[target].durable[start..<start + part.count] != part {
                keepMeant(target)
                Self.apply(.write(offset: start, bytes: Array(part)), to: &nodes[target].durable)
                isFalse = true
            }
        }
        if isFalse { lieCounts[fate == .lost ? .lost : .misdirected, default: 0] += 1 }
    }

    private mutating func mean(_ change: Change, of node: Int) {
        guard var meant = nodes[node].meant else { return }
        nodes[node].meant = nil
        Self.apply(change, to: &meant)
        nodes[node].meant = meant
    }

    private mutating func keepMeant(_ node: Int) {
        if nodes[node].meant == nil { nodes[node].meant = nodes[node].durable }
    }

    /// The files in a directory that would be others on an honest disk.
    func falseNames(inDirectory path: String) -> [String] {
        let numbers = directories[path]?.visible ?? [:]
        return numbers.keys.sorted().filter { name in
            numbers[name].map { nodes[$0].meant != nil && nodes[$0].meant != nodes[$0].durable } ?? false
        }
    }

    /// From an offset on a file is to be zero now.
    mutating func expectZeros(in path: String, from offset: Int) {
        guard let number = number(of: path), let meant = nodes[number].meant else { return }
        nodes[number].meant = meant.prefix(offset) + [UInt8](repeating: 0, count: max(0, meant.count - offset))
    }

    /// Forgets what memory holds of files that have nothing to be written.
    mutating func dropCaches() {
        for number in nodes.indices where nodes[number].changes.isEmpty {
            nodes[number].visible = nodes[number].durable
        }
    }
}
