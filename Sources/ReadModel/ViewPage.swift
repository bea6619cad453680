package import MeterModel

/// A part of a query's rows: so many, from so far on.
package struct ViewPage: Hashable, Sendable {
    /// Rows of a page, if nothing else is said.
    package static let rowCountDefault = 1000
    /// Rows that a page may have.
    package static let rowCountMaximum = 10_000
    /// Rows that are looked at for one page: where few of them are wanted, the page is short and the next goes on.
    package static let examinedRowCountMaximum = 50_000

    /// Rows at most, from 1 to `rowCountMaximum`.
    package var limit: Int
    /// After which key it begins; nil: at the first row.
    package var after: ViewCursor?
    /// The devices whose rows are wanted; nil: all.
    package var devices: NameGlob?

    package init(limit: Int = ViewPage.rowCountDefault, after: ViewCursor? = nil, devices: NameGlob? = nil) {
        self.limit = min(max(limit, 1), ViewPage.rowCountMaximum)
        self.after = after
        self.devices = devices
    }
}

extension ViewReader {
    /// Answers one page of a query, in the order of the contract.
    ///
    /// Takes time in proportion to the rows of the page and those looked at in vain, which are bounded.
    ///
    /// - Parameters:
    ///   - query: what is asked.
    ///   - page: which of its rows; the cursor must go with the query.
    ///   - zones: the rules of the devices' zones; those of the same database that cut the views.
    ///   - sink: takes the rows.
    ///   - isFull: asked after each row whether the page is to end there.
    /// - Returns: where the next page begins; nil after the last.
    /// - Throws: `ViewError.otherCursor` and `.hoursAreOff` before anything is written, `.unknownZone`, and what the
    ///   sink throws.
    package func run(
        _ query: ViewQuery,
        page: ViewPage,
        zones: any ZoneSource,
        into sink: any RowSink,
        isFull: @escaping () -> Bool = { false }
    ) throws -> ViewCursor? {
        if let cursor = page.after, !query.goesWith(cursor) { throw ViewError.otherCursor }
        let walk = PageWalk(page, isFull: isFull)
        try run(query, walk: walk, zones: zones, into: sink)
        return walk.next.map { ViewCursor(fingerprint: query.fingerprint, key: $0) }
    }

    /// Whether the views know a device of this name.
    package func knows(device: String) throws -> Bool {
        let rows = try statement("SELECT 1 FROM device WHERE device = ?")
        rows.bind(1, device)
        let isKnown = try rows.step()
        rows.reset()
        return isKnown
    }
}

/// The way of one query through its rows: where it begins, what it passes over, when it ends.
///
/// Invariant: `lastKey` is the key of the last row looked at once `isDone`, and `next` is set exactly when there was
/// another row after it.
final class PageWalk {
    let page: ViewPage?
    private let limit: Int
    private let examinedMaximum: Int
    private let isFull: () -> Bool
    private var emitted = 0
    private var examined = 0
    private var isDone = false
    private var lastKey: [ViewCursor.Component] = []
    private(set) var next: [ViewCursor.Component]?

    /// Goes through all rows.
    init() {
        page = nil
        limit = .max
        examinedMaximum = .max
        isFull = { false }
    }

    init(_ page: ViewPage, isFull: @escaping () -> Bool) {
        self.page = page
        limit = page.limit
        examinedMaximum = ViewPage.examinedRowCountMaximum
        self.isFull = isFull
    }

    /// How many rows a statement need hand out at most; nil: all.
    var statementLimit: Int64? { page == nil ? nil : Int64(examinedMaximum) + 1 }

    /// The key after which rows are wanted.
    var start: [ViewCursor.Component]? { page?.after?.key }

    /// Before each row: whether it is to be looked at. Once it is not, the walk is over.
    func mayGoOn() -> Bool {
        if isDone { next = lastKey }
        return !isDone
    }

    /// Whether a device's rows are wanted.
    func covers(_ device: UnsafeBufferPointer<UInt8>) -> Bool { page?.devices?.matches(device) ?? true }

    func emittedRow() { emitted += 1 }

    /// After each row.
    func passed(_ key: () -> [ViewCursor.Component]) {
        examined += 1
        guard page != nil, emitted >= limit || examined >= examinedMaximum || isFull() else { return }
        isDone = true
        lastKey = key()
    }

    /// What the pattern of devices begins with, and the first text after all that begin so, if there is one.
    var devicePrefix: (from: String, to: String?)? {
        guard let pattern = page?.devices?.pattern else { return nil }
        let literal = pattern.utf8.prefix { $0 != UInt8(ascii: "*") && $0 != UInt8(ascii: "?") }
        // A pattern is cut only before ASCII, so what is left is whole.
        guard var bytes = Optional(Array(literal)), let last = bytes.last else { return nil }
        let from = String(decoding: bytes, as: UTF8.self)
        guard last < 0x7F else { return (from, nil) }
        bytes[bytes.count - 1] = last + 1
        return (from, String(decoding: bytes, as: UTF8.self))
    }
}
