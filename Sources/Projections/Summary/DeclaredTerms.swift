import EventStorage
import MeterModel

/// The terms by which the readings of each device count, while the log tells what it declares.
///
/// Most devices are declared before their first reading. What is declared later counts for the readings before it too:
/// a device whose terms that changes is `redeclared`, and left to the exact fold, which costs little where it is one of
/// many and nothing more where its readings would not be plain anyway.
///
/// Invariants: `given` has, by device, the terms that its first series was given; of a device that is not redeclared
/// they are what all that was taken in makes of it.
struct DeclaredTerms {
    /// Thrown where so much is declared late that it is worth reading all that is declared first.
    struct DeclaredLate: Error {}

    /// Of so many devices one may be redeclared whose readings are plain.
    private static let devicesPerRedeclared = 100

    private(set) var table: SummaryTermsTable
    private(set) var declarations: SummaryDeclarations
    /// Whether `declarations` has all that the log declares.
    private let isComplete: Bool
    private let leastLimit: Int
    private var given: ContiguousArray<UInt32?> = []
    private var givenCount = 0
    /// Devices of which something was declared that changes how their earlier readings count.
    private(set) var redeclared: Set<UInt32> = []
    /// How many of them are not exact for what was declared.
    private var plainCount = 0

    /// - Parameters:
    ///   - zones: the rules by which local days are cut.
    ///   - declarations: all that the log declares; nil: it is taken in on the way.
    ///   - leastLimit: how many devices may be redeclared of however few.
    init(_ zones: any ZoneSource, knowing declarations: SummaryDeclarations? = nil, leastLimit: Int = 0) {
        self.leastLimit = leastLimit
        table = SummaryTermsTable(zones)
        self.declarations = declarations ?? SummaryDeclarations()
        isComplete = declarations != nil
    }

    /// Takes in what a batch declares, before its series are given terms.
    ///
    /// - Throws: `DeclaredLate`.
    mutating func take(_ batch: ColumnBatch) throws(DeclaredLate) {
        guard !isComplete else { return }
        var touched: [UInt32] = []
        for told in batch.events {
            declarations.take(told.event, device: told.device)
            if let device = told.device, given(device) != nil { touched.append(device) }
        }
        for device in touched {
            let now = declarations.terms(ofDevice: device, &table)
            guard now != given(device), redeclared.insert(device).inserted else { continue }
            plainCount += table.terms[Int(now)].isExact ? 0 : 1
        }
        let limit = max(leastLimit, givenCount / DeclaredTerms.devicesPerRedeclared)
        if declarations.zonesMoved || plainCount > limit { throw DeclaredLate() }
    }

    private func given(_ device: UInt32) -> UInt32? { Int(device) < given.count ? given[Int(device)] : nil }

    /// The terms of a device one of whose series comes first.
    mutating func give(_ device: UInt32) -> UInt32 {
        if let terms = given(device) { return terms }
        while given.count <= Int(device) { given.append(nil) }
        let terms = declarations.terms(ofDevice: device, &table)
        given[Int(device)] = terms
        givenCount += 1
        return terms
    }

    /// The terms of a device by all that was taken in.
    mutating func terms(ofDevice device: UInt32) -> SummaryTerms {
        table.terms[Int(declarations.terms(ofDevice: device, &table))]
    }
}
