import MeterModel
import Yams

/// A mapping of a profile's YAML, read by key; every fault names its line.
struct ProfileNode {
    private let mapping: Node.Mapping
    private let source: String
    private let line: Int?

    init(_ node: Node, source: String) throws(ProfileError) {
        self.source = source
        line = node.mark?.line
        guard case .mapping(let mapping) = node else {
            throw ProfileError(source: source, line: line, text: "expected keys and values")
        }
        self.mapping = mapping
    }

    /// The file's one document, which must be a mapping.
    static func parse(_ text: String, source: String) throws(ProfileError) -> ProfileNode {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw ProfileError(source: source, line: line(of: error), text: "no YAML: \(error)")
        } catch {
            throw ProfileError(source: source, line: nil, text: "no YAML: \(error)")
        }
        guard let root else { throw ProfileError(source: source, line: nil, text: "the file is empty") }
        return try ProfileNode(root, source: source)
    }

    private static func line(of error: YamlError) -> Int? {
        switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark.line
        default: nil
        }
    }

    func fault(_ text: String, at node: Node? = nil) -> ProfileError {
        ProfileError(source: source, line: node?.mark?.line ?? line, text: text)
    }

    /// Refuses the first key that is not among `keys`.
    func check(_ keys: [String]) throws(ProfileError) {
        for (key, _) in mapping where !keys.contains(key.string ?? "") {
            throw fault("unknown key \"\(key.string ?? "?")\"; known are \(keys.joined(separator: ", "))", at: key)
        }
    }

    func has(_ key: String) -> Bool { node(key) != nil }

    private func node(_ key: String) -> Node? {
        for (name, value) in mapping where name.string == key { return value }
        return nil
    }

    func string(_ key: String) throws(ProfileError) -> String? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let scalar) = node else { throw fault("\(key) must be a text", at: node) }
        return scalar.string
    }

    func bool(_ key: String) throws(ProfileError) -> Bool? {
        switch try string(key) {
        case nil: nil
        case "true": true
        case "false": false
        default: throw fault("\(key) must be true or false", at: node(key))
        }
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(ProfileError) -> Int? {
        guard let text = try string(key) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw fault("\(key) must be from \(range.lowerBound) to \(range.upperBound)", at: node(key))
        }
        return number
    }

    func word<T>(_ key: String, _ what: String, _ make: (String) -> T?) throws(ProfileError) -> T? {
        guard let text = try string(key) else { return nil }
        guard let value = make(text) else { throw fault("\(key): \"\(text)\" is no \(what)", at: node(key)) }
        return value
    }

    func name(_ key: String) throws(ProfileError) -> String? {
        try word(key, "name of 1 to \(Name.maximumByteCount) bytes") { Name.isValid($0) ? $0 : nil }
    }

    /// A plain number is a column's place; any other text, and a number in quotes, its name.
    func column(_ key: String) throws(ProfileError) -> (name: String, number: Int?)? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let scalar) = node else { throw fault("\(key) must be a column", at: node) }
        guard scalar.style == .plain || scalar.style == .any, let number = Int(scalar.string) else {
            return (scalar.string, nil)
        }
        guard number >= 1 else { throw fault("\(key): columns count from 1", at: node) }
        return (scalar.string, number)
    }

    func section(_ key: String) throws(ProfileError) -> ProfileNode? {
        guard let node = node(key) else { return nil }
        return try ProfileNode(node, source: source)
    }

    func sections(_ key: String, maximumCount: Int) throws(ProfileError) -> [ProfileNode]? {
        guard let node = node(key) else { return nil }
        guard case .sequence(let sequence) = node, !sequence.isEmpty, sequence.count <= maximumCount else {
            throw fault("\(key) must be a list of 1 to \(maximumCount)", at: node)
        }
        var sections: [ProfileNode] = []
        for element in sequence { sections.append(try ProfileNode(element, source: source)) }
        return sections
    }

    func strings(_ key: String) throws(ProfileError) -> [String]? {
        guard let node = node(key) else { return nil }
        guard case .sequence(let sequence) = node, sequence.count <= 64 else {
            throw fault("\(key) must be a list of at most 64", at: node)
        }
        var strings: [String] = []
        for element in sequence {
            guard let text = element.string else { throw fault("\(key) must be a list of texts", at: element) }
            strings.append(text)
        }
        return strings
    }
}
