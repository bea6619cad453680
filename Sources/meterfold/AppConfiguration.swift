import Admission
import Glibc
import Ingest
import MeterModel
import RecordLog
import Yams

/// What `meterfold.yaml` in the data directory, or the environment over it, decides.
///
/// Keys: `views.hours` (`on` or `off`, default on; environment `METERFOLD_VIEWS_HOURS`), `log.segmentBytes` (bytes of a new
/// segment; environment `METERFOLD_LOG_SEGMENT_BYTES`), `ingest.defaults.utility`, `.unit`, `.register`.
struct AppConfiguration {
    var keepsHours = true
    var log = RecordLogConfiguration()
    var defaultUtility: Utility?
    var defaultUnit: Unit?
    var defaultRegister: String?

    /// Bytes of a segment that may be asked for.
    private static let segmentByteCounts = 64 << 10...RecordLogLimits.maximumSegmentByteCount

    /// - Throws: `Failure` naming the file and key for what cannot be understood.
    static func load(_ directory: DataDirectory) throws -> AppConfiguration {
        var configuration = AppConfiguration()
        if let text = try contents(of: directory.configuration) {
            let root: Node?
            do { root = try Yams.compose(yaml: text) } catch {
                throw Failure(place: directory.configuration, cause: "\(error)", hint: "mend the YAML")
            }
            if let root { try configuration.read(root, prefix: "", file: directory.configuration) }
        }
        for (name, key) in [
            ("METERFOLD_VIEWS_HOURS", "views.hours"), ("METERFOLD_LOG_SEGMENT_BYTES", "log.segmentBytes"),
        ] {
            if let value = getenv(name) { try configuration.set(key, String(cString: value), place: name) }
        }
        return configuration
    }

    private mutating func read(_ node: Node, prefix: String, file: String) throws {
        guard let mapping = node.mapping else {
            throw Failure(place: file, cause: "expected keys and values at '\(prefix)'", hint: "see the README")
        }
        for (key, value) in mapping {
            let name = prefix + (key.string ?? "")
            let place = key.mark.map { "\(file), line \($0.line)" } ?? file
            if value.mapping != nil {
                try read(value, prefix: name + ".", file: file)
            } else {
                try set(name, value.scalar?.string ?? "", place: place)
            }
        }
    }

    private mutating func set(_ key: String, _ value: String, place: String) throws {
        switch key {
        case "views.hours":
            guard ["on", "off", "true", "false"].contains(value) else {
                throw Failure(place: place, cause: "views.hours is '\(value)'", hint: "say on or off")
            }
            keepsHours = value == "on" || value == "true"
        case "log.segmentBytes":
            let range = AppConfiguration.segmentByteCounts
            guard let count = Int(value), range.contains(count) else {
                throw Failure(
                    place: place,
                    cause: "log.segmentBytes is '\(value)'",
                    hint: "say a number from \(range.lowerBound) to \(range.upperBound)"
                )
            }
            log.segmentByteCount = count
            log.sealedIndexByteCount = min(log.sealedIndexByteCount, count / 8)
        case "ingest.defaults.utility":
            defaultUtility = try AppConfiguration.word(
                value,
                Utility(name: value),
                key,
                place,
                Utility.allCases.map(\.name)
            )
        case "ingest.defaults.unit":
            defaultUnit = try AppConfiguration.word(value, Unit(symbol: value), key, place, Unit.allCases.map(\.symbol))
        case "ingest.defaults.register": defaultRegister = value
        default: throw Failure(place: place, cause: "'\(key)' is no setting", hint: "see 'Configuration' in the README")
        }
    }

    private static func word<Word>(
        _ value: String,
        _ word: Word?,
        _ key: String,
        _ place: String,
        _ choices: [String]
    ) throws -> Word {
        if let word { return word }
        throw Failure(
            place: place,
            cause: "\(key) is '\(value)'",
            hint: "say one of \(choices.joined(separator: ", "))"
        )
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
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count <= 0 { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
