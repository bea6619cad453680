import Configuration
import Foundation

/// The settings in force: a flag goes before the environment, that before the file.
///
/// `views.hours` is `METERFOLD_VIEWS_HOURS` in the environment, `log.segmentBytes` is `METERFOLD_LOG_SEGMENT_BYTES`.
struct SettingValues {
    let file: SettingsFile
    private let flags: [String: String]
    private let environment: [String: String]
    private let reader: ConfigReader

    /// - Parameters:
    ///   - file: the data directory's.
    ///   - flags: what flags say, by key.
    ///   - environment: the process's.
    init(
        file: SettingsFile,
        flags: [String: String] = [:],
        environment: [String: String] = SettingValues.processEnvironment
    ) {
        self.file = file
        self.flags = flags
        self.environment = environment
        reader = ConfigReader(providers: [
            InMemoryProvider(name: "flags", values: SettingValues.values(flags)),
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "meterfold"),
            InMemoryProvider(name: "file", values: SettingValues.values(file.values.mapValues(\.text))),
        ])
    }

    /// The environment of this process.
    static var processEnvironment: [String: String] { ProcessInfo.processInfo.environment }

    private static func values(_ texts: [String: String]) -> [AbsoluteConfigKey: ConfigValue] {
        Dictionary(
            uniqueKeysWithValues: texts.map {
                (AbsoluteConfigKey(ConfigKey($0)), ConfigValue(.string($1), isSecret: false))
            }
        )
    }

    /// What a key says; nil where nothing does.
    func text(_ key: String) -> String? { reader.string(forKey: ConfigKey(key)) }

    /// Where a key's value comes from, for people.
    func place(of key: String) -> String {
        if flags[key] != nil { return SettingValues.flag(of: key) }
        let variable = SettingValues.variable(of: key)
        return environment[variable] != nil ? variable : file.place(of: key)
    }

    /// The flag of a key: `--log-format` of `serve.log.format`.
    private static func flag(of key: String) -> String {
        let words = words(of: key).drop { $0 == "serve" || $0 == "tls" }
        return "--" + words.joined(separator: "-")
    }

    /// `serve`, `tls`, `client`, `ca` of `serve.tls.clientCA`.
    private static func words(of key: String) -> [String] {
        var words: [String] = []
        var isBeginning = true
        var wasUppercase = false
        for character in key {
            if character == "." || character == "-" {
                isBeginning = true
                continue
            }
            if isBeginning || character.isUppercase && !wasUppercase { words.append("") }
            words[words.count - 1] += character.lowercased()
            (isBeginning, wasUppercase) = (false, character.isUppercase)
        }
        return words
    }

    /// The environment variable of a key.
    static func variable(of key: String) -> String {
        "METERFOLD_" + words(of: key).joined(separator: "_").uppercased()
    }

    /// A fault in a key's value.
    func fault(_ key: String, hint: String) -> Failure {
        Failure(place: place(of: key), cause: "\(key) is '\(text(key) ?? "")'", hint: hint)
    }

    // MARK: Kinds of values

    /// `on` or `off`.
    func flag(_ key: String) throws -> Bool? {
        guard let text = text(key) else { return nil }
        guard ["on", "off", "true", "false"].contains(text) else { throw fault(key, hint: "say on or off") }
        return text == "on" || text == "true"
    }

    /// A whole number of a range.
    func number(_ key: String, _ range: ClosedRange<Int>) throws -> Int? {
        guard let text = text(key) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw fault(key, hint: "say a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// One of a closed set of words.
    func word<Word>(_ key: String, _ choices: [String], _ make: (String) -> Word?) throws -> Word? {
        guard let text = text(key) else { return nil }
        guard let word = make(text) else { throw fault(key, hint: "say one of \(choices.joined(separator: ", "))") }
        return word
    }
}
