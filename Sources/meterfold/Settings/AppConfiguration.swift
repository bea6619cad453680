import Admission
import EventStorage
import Ingest
import MeterModel
import RecordLog
import Telegrams
import TimeZones

/// What `meterfold.yaml` in the data directory, the environment over it and flags over both decide.
struct AppConfiguration {
    var keepsHours = true
    var log = RecordLogConfiguration()
    /// Whether sealed segments get parity.
    var makesParity = true
    /// Bytes a second of sealed segments that `serve` reads again; 0: it does not.
    var scrubBytesPerSecond = 4 << 20
    /// From the beginning of a pass over them to the next one's, at least.
    var scrubIntervalSeconds = 86_400
    /// How inputs are read that say nothing of it; the profile reads inputs of its own format where no other is named.
    var inputDefaults = InputOptions()
    /// How many devices the log may tell of.
    var deviceLimit = Admission.usualDeviceLimit
    var serve = ServeSettings()

    /// Bytes of a segment that may be asked for.
    private static let segmentByteCounts = 64 << 10...RecordLogLimits.maximumSegmentByteCount

    /// Numbers of devices that may be asked for.
    private static let deviceCounts = 1...EventStorageLimits.maximumNumber / Admission.seriesPerDeviceLimit
    /// Bytes a second that may be asked for.
    private static let scrubRates = 0...1 << 40
    /// Seconds that may be asked for: up to a year.
    private static let scrubIntervals = 1...31_536_000

    /// The keys there are; those of channels have a name in them.
    private static let keys: Set<String> = [
        "views.hours", "log.segmentBytes", "log.parity", "log.scrub.bytesPerSecond", "log.scrub.intervalSeconds",
        "ingest.defaults.utility", "ingest.defaults.unit",
        "ingest.defaults.register", "ingest.defaults.profile", "ingest.devices",
    ]

    /// - Parameters:
    ///   - directory: whose file is read.
    ///   - flags: what flags of the command line say, by key.
    ///   - environment: the process's.
    /// - Returns: what is in force.
    /// - Throws: `Failure` naming the file and line, the variable or the flag of what cannot be understood.
    static func load(
        _ directory: DataDirectory,
        flags: [String: String] = [:],
        environment: [String: String] = SettingValues.processEnvironment
    ) throws -> AppConfiguration {
        let file = try SettingsFile(path: directory.configuration)
        for key in file.keys where !keys.contains(key) && !ServeSettings.knows(key) {
            throw Failure(
                place: file.place(of: key),
                cause: "'\(key)' is no setting",
                hint: "docs/running.md and 'Configuration' in the README list them"
            )
        }
        return try AppConfiguration(SettingValues(file: file, flags: flags, environment: environment))
    }

    private init(_ values: SettingValues) throws {
        keepsHours = try values.flag("views.hours") ?? keepsHours
        if let count = try values.number("log.segmentBytes", AppConfiguration.segmentByteCounts) {
            log.segmentByteCount = count
            log.sealedIndexByteCount = min(log.sealedIndexByteCount, count / 8)
        }
        deviceLimit = try values.number("ingest.devices", AppConfiguration.deviceCounts) ?? deviceLimit
        makesParity = try values.flag("log.parity") ?? makesParity
        scrubBytesPerSecond =
            try values.number("log.scrub.bytesPerSecond", AppConfiguration.scrubRates) ?? scrubBytesPerSecond
        scrubIntervalSeconds =
            try values.number("log.scrub.intervalSeconds", AppConfiguration.scrubIntervals) ?? scrubIntervalSeconds
        inputDefaults.utility = try values.word("ingest.defaults.utility", Utility.allCases.map(\.name)) {
            Utility(name: $0)
        }
        inputDefaults.unit = try values.word("ingest.defaults.unit", Unit.allCases.map(\.symbol)) { Unit(symbol: $0) }
        inputDefaults.register = values.text("ingest.defaults.register")
        inputDefaults.profile = try AppConfiguration.defaultProfile(values)
        inputDefaults.profileIsDefault = true
        serve = try ServeSettings(values)
    }

    /// The settings in force of a server, a line each, with nothing secret in them.
    var serveLines: [String] {
        serve.lines + [
            "log.parity: \(makesParity ? "on" : "off")", "log.scrub.bytesPerSecond: \(scrubBytesPerSecond)",
            "log.scrub.intervalSeconds: \(scrubIntervalSeconds)",
        ]
    }

    /// The shipped profile that stands in where none is named. Those of CSV are no such, since whoever sends CSV must
    /// know whether it has a header.
    private static func defaultProfile(_ values: SettingValues) throws -> InputProfile? {
        let key = "ingest.defaults.profile"
        guard values.text(key) != nil else { return nil }
        let zones = FoundationZoneSource()
        let profiles = Profiles.names.compactMap { name in
            (try? Profiles.named(name, zones: zones)).flatMap { $0.format == .csv ? nil : (name: name, profile: $0) }
        }
        return try values.word(key, profiles.map(\.name)) { name in profiles.first { $0.name == name }?.profile }
    }
}
