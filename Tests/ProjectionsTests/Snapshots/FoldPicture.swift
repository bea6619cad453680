import Billing
import MeterModel

@testable import Projections

/// Everything that objects hold, as text, by looking at their stored members: what somebody adds to a type later is in
/// it by itself.
///
/// Members that are scratch, and they alone, are left out by name.
struct FoldPicture {
    /// What a fold that was read from a snapshot may have otherwise, or does not have at all.
    static let scratch: Set<String> = [
        // What it folds by, and the place of other devices' state.
        "Fold.zones", "Fold.outsider", "Fold.outsiderSeries", "Fold.noName",
        // While one event is applied.
        "Fold.change", "Fold.recordedTimes", "RegisterSeries.stack", "RegisterSeries.decided",
        // At hand, and made anew where they are not.
        "Fold.schedules", "Fold.declarations", "Fold.packed", "Fold.turnedDay",
        "SeriesFold.keptSum",
        // Where packed entries lie; what they are is looked at.
        "SeriesEntries.packed", "SeriesEntries.chunks", "SeriesEntries.packedCount", "SeriesEntries.recent",
        // What this run of the program told.
        "Fold.untoldJobs", "DeviceFold.toldBalance",
    ]

    private(set) var text = ""
    /// What each member was seen to be, two at most.
    private(set) var seen: [String: Set<String>] = [:]
    /// The scratch that was met.
    private(set) var passedOver: Set<String> = []
    /// The objects met, by type.
    private(set) var objects: [String: Set<ObjectIdentifier>] = [:]
    private var known: [ObjectIdentifier: String] = [:]

    init(_ fold: Fold) { text = picture(of: fold) }

    private mutating func picture(of value: Any) -> String {
        if let plain = FoldPicture.plain(value) { return plain }
        if let elements = (value as? any LogicalElements)?.elements { return list(elements) }
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .optional: return mirror.children.first.map { picture(of: $0.value) } ?? "nil"
        case .collection: return list(mirror.children.map(\.value))
        case .dictionary, .set:
            return "{\(mirror.children.map { picture(of: $0.value) }.sorted().joined(separator: ", "))}"
        case .class: return object(value as AnyObject, mirror)
        case .enum where mirror.children.isEmpty: return "\(value)"
        default: return members(mirror) + ((value as? SeriesEntries).map { list($0.elements) } ?? "")
        }
    }

    /// Numbers, truths, texts by their bytes, and lists of numbers, which may be long, by their hash.
    private static func plain(_ value: Any) -> String? {
        switch value {
        case let number as any BinaryInteger: "\(number)"
        case let truth as Bool: "\(truth)"
        case let text as String: "\(Array(text.utf8))"
        case let numbers as [UInt8]: "\(numbers.count) of \(numbers.hashValue)"
        case let numbers as ContiguousArray<UInt8>: "\(numbers.count) of \(numbers.hashValue)"
        case let numbers as [UInt16]: "\(numbers.count) of \(numbers.hashValue)"
        case let numbers as [Int64]: "\(numbers.count) of \(numbers.hashValue)"
        default: nil
        }
    }

    private mutating func list(_ elements: [Any]) -> String {
        var texts: [String] = []
        for element in elements { texts.append(picture(of: element)) }
        return "[\(texts.joined(separator: ", "))]"
    }

    private mutating func object(_ object: AnyObject, _ mirror: Mirror) -> String {
        let identifier = ObjectIdentifier(object)
        objects["\(type(of: object))", default: []].insert(identifier)
        if let text = known[identifier] { return text }
        // Many have the same of these, which are large.
        var text = (object as? ZoneRules).map { "zone \($0.name)" } ?? members(mirror)
        if object is RateSchedule || object is VersionRates { text = "\(type(of: object)) \(text.hashValue)" }
        known[identifier] = text
        return text
    }

    private mutating func members(_ mirror: Mirror) -> String {
        var texts: [String] = []
        for (i, child) in mirror.children.enumerated() {
            let name = child.label ?? "\(i)"
            let member = "\(mirror.subjectType).\(name)"
            if FoldPicture.scratch.contains(member) {
                passedOver.insert(member)
                continue
            }
            let text = picture(of: child.value)
            if seen[member, default: []].count < 2 { seen[member, default: []].insert(text) }
            texts.append("\(name): \(text)")
        }
        return "(\(texts.joined(separator: ", ")))"
    }

    /// Where two pictures differ; nil where they do not.
    func difference(from other: FoldPicture) -> String? {
        if text == other.text { return nil }
        let (ours, theirs) = (Array(text), Array(other.text))
        var i = 0
        while i < min(ours.count, theirs.count), ours[i] == theirs[i] { i += 1 }
        func part(_ text: [Character]) -> String { String(text[max(0, i - 200)..<min(text.count, i + 100)]) }
        return "…\(part(ours))…\nagainst\n…\(part(theirs))…"
    }
}

/// What is an array for whoever uses it, however its memory is laid out.
protocol LogicalElements {
    var elements: [Any] { get }
}

extension GapArray: LogicalElements {
    var elements: [Any] { (0..<count).map { self[$0] } }
}

extension SeriesEntries {
    fileprivate var elements: [Any] { (0..<count).map { self[$0] } }
}
