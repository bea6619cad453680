import MeterModel
import ReadModel

/// The money of one device: top-ups, refunds and adjustments, each counted once by its reference (semantics, section
/// 6).
///
/// Invariant: `total` is the signed sum of `entries`.
struct MoneyBook {
    struct Key: Hashable {
        var kind: LedgerKind
        /// Empty for an adjustment.
        var provider: ByteName
        var reference: ByteName
    }

    struct Entry {
        var at: Int64
        /// Signed: what it adds to the balance.
        var amount: Money
    }

    private(set) var entries: [Key: Entry] = [:]
    /// Top-ups less refunds plus adjustments.
    private(set) var total = Money.zero

    /// Counts an entry, or of one told again keeps the earliest time.
    ///
    /// - Returns: the instants whose days' ledgers change.
    mutating func add(_ key: Key, _ entry: Entry) -> [Int64] {
        guard let former = entries[key] else {
            entries[key] = entry
            total += entry.amount
            return [entry.at]
        }
        guard entry.at < former.at else { return [] }
        entries[key]?.at = entry.at
        return [former.at, entry.at]
    }
}

// MARK: Snapshots

extension MoneyBook {
    func write(to out: SnapshotWriter) {
        out.count(entries.count)
        let ordered = entries.sorted { a, b in
            (a.key.kind.rawValue, a.key.provider, a.key.reference)
                < (b.key.kind.rawValue, b.key.provider, b.key.reference)
        }
        for (key, entry) in ordered {
            out.word(key.kind.rawValue)
            out.word(key.provider.text)
            out.text(key.reference.text)
            out.zigzag(entry.at)
            out.money(entry.amount)
        }
    }

    init(from reader: SnapshotReader) throws(SnapshotFault) {
        for _ in 0..<(try reader.count()) {
            guard let kind = LedgerKind(rawValue: try reader.word()) else { throw reader.malformed("a kind of money") }
            let key = Key(kind: kind, provider: ByteName(try reader.word()), reference: ByteName(try reader.text()))
            let at = try reader.zigzag()
            _ = add(key, Entry(at: at, amount: try reader.money()))
        }
    }
}
