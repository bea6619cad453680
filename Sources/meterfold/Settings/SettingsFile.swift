import Glibc
import Yams

/// `meterfold.yaml` as flat keys, `views.hours`, each with its text and line.
struct SettingsFile {
    /// A key's value: of a list the elements with commas between them.
    struct Value {
        var text: String
        var line: Int?
    }

    let path: String
    private(set) var values: [String: Value] = [:]
    /// The file's keys in its order.
    private(set) var keys: [String] = []

    /// The largest file that is read, in bytes.
    static let maximumByteCount = 1 << 20

    /// - Parameter path: a file; one that is missing says nothing.
    /// - Throws: `Failure` naming file and line.
    init(path: String) throws {
        self.path = path
        guard let text = try SettingsFile.contents(of: path) else { return }
        let root: Node?
        do { root = try Yams.compose(yaml: text) } catch { throw SettingsFile.failure(error, path) }
        if let root { try read(root, prefix: "") }
    }

    /// Where a key stands, for people.
    func place(of key: String) -> String { values[key]?.line.map { "\(path), line \($0)" } ?? path }

    private mutating func read(_ node: Node, prefix: String) throws {
        guard let mapping = node.mapping else {
            throw Failure(place: path, cause: "expected keys and values at '\(prefix)'", hint: "see the README")
        }
        for (key, value) in mapping {
            let name = prefix + (key.string ?? "")
            if value.mapping != nil {
                try read(value, prefix: name + ".")
                continue
            }
            let text = value.sequence.map { $0.compactMap(\.scalar?.string).joined(separator: ",") }
            values[name] = Value(text: text ?? value.scalar?.string ?? "", line: key.mark?.line)
            keys.append(name)
        }
    }

    /// Says where the YAML is wrong without quoting it: a secret may stand there.
    private static func failure(_ error: any Error, _ path: String) -> Failure {
        let hint = "mend the YAML"
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            return Failure(place: "\(path), line \(mark.line)", cause: problem, hint: hint)
        default: return Failure(place: path, cause: "is no YAML", hint: hint)
        }
    }

    private static func contents(of path: String) throws -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            if errno == ENOENT { return nil }
            throw Failure(place: path, cause: String(cString: strerror(errno)), hint: "check the file's permissions")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while bytes.count <= maximumByteCount {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count <= 0 { break }
            bytes += chunk[..<count]
        }
        guard bytes.count <= maximumByteCount else {
            throw Failure(place: path, cause: "is larger than \(maximumByteCount) bytes", hint: "shorten it")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
