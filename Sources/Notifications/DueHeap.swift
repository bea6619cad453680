import MeterModel

/// What is to be done when, the earliest first; of the same instant, what was put in first.
struct DueHeap {
    struct Entry: Sendable {
        var due: Instant
        /// Tells this entry from all others, and orders those of one instant.
        var mark: UInt64
        var job: ByteName

        fileprivate static func < (a: Entry, b: Entry) -> Bool { a.due == b.due ? a.mark < b.mark : a.due < b.due }
    }

    private var entries: [Entry] = []

    var first: Entry? { entries.first }
    var count: Int { entries.count }

    mutating func insert(_ entry: Entry) {
        entries.append(entry)
        var i = entries.count - 1
        while i > 0, entries[i] < entries[(i - 1) / 2] {
            entries.swapAt(i, (i - 1) / 2)
            i = (i - 1) / 2
        }
    }

    mutating func removeFirst() {
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var i = 0
        while true {
            var least = i
            for child in [2 * i + 1, 2 * i + 2] where child < entries.count && entries[child] < entries[least] {
                least = child
            }
            if least == i { return }
            entries.swapAt(i, least)
            i = least
        }
    }

    /// Keeps what is wanted still.
    mutating func filter(_ isWanted: (Entry) -> Bool) {
        let wanted = entries.filter(isWanted)
        entries = []
        for entry in wanted { insert(entry) }
    }
}
