import Glibc
import Logging
import MeterModel

/// Logs to standard error: a line for people, or one JSON object.
///
/// Messages are constant; what differs is in the metadata, in the order of its names.
struct StandardErrorLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    private let label: String
    private let format: ServeSettings.LogFormat

    init(label: String, level: Logger.Level, format: ServeSettings.LogFormat) {
        self.label = label
        self.format = format
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let time = SystemClock().now().rfc3339
        switch format {
        case .text:
            var line = "\(time) \(event.level) \(event.message)"
            for (key, value) in all { line += " \(key)=\(StandardErrorLog.word("\(value)"))" }
            Terminal.error(Terminal.harmless(line))
        case .json:
            var line = JSONLine()
            line.add("time", time)
            line.add("level", event.level.rawValue)
            line.add("logger", label)
            line.add("message", "\(event.message)")
            for (key, value) in all { line.add(key, "\(value)") }
            Terminal.error(line.text)
        }
    }

    private static func word(_ text: String) -> String {
        text.contains { $0 == " " || $0 == "\"" } ? JSONLine.quoted(text) : text
    }
}
