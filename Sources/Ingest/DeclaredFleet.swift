package import MeterModel
import Yams

/// What is wrong with a fleet file, and where.
package struct FleetFault: Error, Hashable, CustomStringConvertible {
    /// Empty until the file is known.
    package var source: String
    /// From 1; nil where the file cannot be read at all.
    package var line: Int?
    package var text: String

    package init(source: String = "", line: Int?, text: String) {
        self.source = source
        self.line = line
        self.text = text
    }

    package var description: String { "\(source)\(line.map { ":\($0)" } ?? ""): \(text)" }
}

/// What the log already says of what a fleet file names, for entries that leave it out.
package struct FleetKnowledge {
    package var utility: (_ device: String) -> Utility?
    package var tariff: (_ name: String) -> TariffPublished?

    package init(
        utility: @escaping (_ device: String) -> Utility?,
        tariff: @escaping (_ name: String) -> TariffPublished?
    ) {
        self.utility = utility
        self.tariff = tariff
    }
}

/// What fleet files declare, in their order, and everything that is wrong with them (semantics, section 9).
///
/// Invariants: no tariff and no device stands twice; entries that are at fault are in `faults` and nowhere else.
package struct DeclaredFleet {
    package private(set) var tariffs: [Declared<TariffPublished>] = []
    package private(set) var devices: [Declared<DeviceRegistered>] = []
    package private(set) var faults: [FleetFault] = []
    /// Tariffs that are named by entries at fault: whoever is assigned to one is not at fault for that.
    package private(set) var faultyTariffs: Set<ByteName> = []

    private let knowledge: FleetKnowledge
    private var places: [Key: String] = [:]

    private struct Key: Hashable {
        var kind: FleetEntry.Kind
        var name: ByteName
    }

    /// An entry of a fleet file as the event that it would be for a log that knows nothing.
    package struct Declared<Event> {
        package var event: Event
        let entry: FleetEntry

        /// Whether a field is there, and `null`.
        package func isNull(_ field: String) -> Bool { entry.value[field]?.isNull ?? false }

        /// What a refusal of the event says of the file.
        package func fault(_ refusal: Refusal) -> FleetFault { entry.fault(refusal) }

        /// A fault of one of the entry's fields.
        package func fault(in field: String, _ text: String) -> FleetFault { entry.fault(in: field, text) }
    }

    package init(knowledge: FleetKnowledge) { self.knowledge = knowledge }

    /// The largest file that is read.
    package static let maximumByteCount = 128 << 20

    /// Takes in what a file says; what is wrong with it is added to `faults`.
    ///
    /// - Parameters:
    ///   - path: what faults call it; a name of CSV decides that it is CSV.
    ///   - text: the text of a file, or why there is none.
    package mutating func read(_ path: String, _ text: Result<String, FleetFault>) {
        do throws(FleetFault) {
            let text = try text.get()
            let isCSV = path.hasSuffix(".csv") || path.hasSuffix(".csv.gz") || FleetCSV.looksLike(text)
            if isCSV { try readCSV(text, path) } else { try readYAML(text, path) }
        } catch {
            faults.append(FleetFault(source: path, line: error.line, text: error.text))
        }
    }

    /// The text of a file, inflated where it is compressed; `-` is standard input.
    package static func text(of path: String) -> Result<String, FleetFault> {
        do throws(FleetFault) { return .success(try readText(path)) } catch { return .failure(error) }
    }

    private static func readText(_ path: String) throws(FleetFault) -> String {
        var bytes: [UInt8] = []
        do throws(InputFault) {
            let source = try InputSource(path: path)
            var chunk = [UInt8](repeating: 0, count: 256 * 1024)
            while true {
                let count = try source.readChunk(&chunk)
                if count == 0 { break }
                bytes += chunk[..<count]
                if bytes.count > maximumByteCount { break }
            }
        } catch {
            switch error {
            case .unreadable(_, let reason): throw FleetFault(line: nil, text: "cannot be read: \(reason)")
            case .damaged(let refusal): throw FleetFault(line: nil, text: refusal.text)
            case .unknownFormat, .interrupted: throw FleetFault(line: nil, text: "cannot be read")
            }
        }
        guard bytes.count <= maximumByteCount else {
            throw FleetFault(line: nil, text: "is larger than \(maximumByteCount >> 20) MiB; give it in pieces")
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FleetFault(line: nil, text: "is no UTF-8")
        }
        return text
    }

    // MARK: YAML

    private mutating func readYAML(_ text: String, _ source: String) throws(FleetFault) {
        guard let root = try FleetYAML.compose(text) else { return }
        guard case .mapping(let sections) = root else {
            throw FleetFault(line: root.mark?.line, text: "expected tariffs: and devices:")
        }
        for (key, section) in sections {
            let line = key.mark?.line ?? 1
            guard let kind = FleetEntry.Kind(section: key.string ?? "") else {
                add(line, "unknown key \"\(key.string ?? "?")\"; known are tariffs, devices", source)
                continue
            }
            if case .scalar(let scalar) = section, ["", "~", "null"].contains(scalar.string) { continue }
            guard case .sequence(let nodes) = section else {
                add(line, "\(kind.section) must be a list", source)
                continue
            }
            for node in nodes {
                var budget = FleetValue.maximumValueCount
                do throws(FleetFault) {
                    let value = try FleetValue(node, line: line, budget: &budget)
                    take(FleetEntry(kind: kind, value: value, source: source))
                } catch {
                    add(error.line, error.text, source)
                }
            }
        }
    }

    // MARK: CSV

    private mutating func readCSV(_ text: String, _ source: String) throws(FleetFault) {
        var csv = try FleetCSV(text)
        while let row = csv.next() {
            switch row {
            case .success(let value): take(FleetEntry(kind: .device, value: value, source: source))
            case .failure(let fault): add(fault.line, fault.text, source)
            }
        }
    }

    // MARK: Entries

    private mutating func add(_ line: Int?, _ text: String, _ source: String) {
        faults.append(FleetFault(source: source, line: line, text: text))
    }

    private mutating func take(_ entry: FleetEntry) {
        do throws(FleetFault) {
            let name = try entry.checkedName()
            let place = "\(entry.source):\(entry.value.line)"
            if let former = places.updateValue(place, forKey: Key(kind: entry.kind, name: ByteName(name))) {
                throw entry.fault(in: "id", "stands twice; first at \(former)")
            }
            switch entry.kind {
            case .tariff:
                let event = try entry.tariff(known: knowledge.tariff(name))
                tariffs.append(Declared(event: event, entry: entry))
            case .device:
                let event = try entry.device(known: knowledge.utility(name))
                devices.append(Declared(event: event, entry: entry))
            }
        } catch {
            faults.append(error)
            if entry.kind == .tariff, let name = entry.name { faultyTariffs.insert(ByteName(name)) }
        }
    }
}

/// From YAML's text to its nodes.
enum FleetYAML {
    /// The one document; nil where there is nothing in it.
    static func compose(_ text: String) throws(FleetFault) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch let error as YamlError {
            switch error {
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                .composer(_, let problem, let mark, _):
                throw FleetFault(line: mark.line, text: "no YAML: \(problem)")
            case .reader(let problem, _, _, _): throw FleetFault(line: nil, text: "no YAML: \(problem)")
            case .duplicatedKeysInMapping(let duplicates, let context):
                let names = duplicates.map(\.description).joined(separator: ", ")
                let line = context.mark.line
                throw FleetFault(line: line, text: "a key stands twice: \(names)")
            default: throw FleetFault(line: nil, text: "no YAML: \(error)")
            }
        } catch {
            throw FleetFault(line: nil, text: "no YAML: \(error)")
        }
    }
}
