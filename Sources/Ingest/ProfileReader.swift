import MeterModel
import Telegrams

/// From a profile's YAML to its values.
struct ProfileReader {
    let zones: any ZoneSource

    func read(_ text: String, name: String, source: String) throws(ProfileError) -> InputProfile {
        let root = try ProfileNode.parse(text, source: source)
        let format = try root.word("format", "format (csv or line-protocol)") { InputFormat(rawValue: $0) } ?? .csv
        let utility = try root.word("utility", "utility") { Utility(name: $0) }
        switch format {
        case .csv: return InputProfile(name: name, mapping: .csv(try csv(root)), utility: utility)
        case .lineProtocol:
            return InputProfile(name: name, mapping: .lineProtocol(try lineProtocol(root)), utility: utility)
        case .ndjson: throw root.fault("a profile maps csv or line-protocol")
        }
    }

    private func lineProtocol(_ root: ProfileNode) throws(ProfileError) -> LineProtocolProfile {
        try root.check([
            "format", "utility", "deviceTags", "measurementIsDevice", "devicePrefix", "registerTag", "unitTag",
            "qualityTag", "fields",
        ])
        var profile = LineProtocolProfile(registerTag: nil, unitTag: nil, qualityTag: nil)
        if let tags = try root.strings("deviceTags") { profile.deviceTags = tags }
        profile.takesMeasurementAsDevice = try root.bool("measurementIsDevice") ?? false
        profile.devicePrefix = try root.name("devicePrefix") ?? ""
        profile.registerTag = try root.string("registerTag")
        profile.unitTag = try root.string("unitTag")
        profile.qualityTag = try root.string("qualityTag")
        guard let fields = try root.sections("fields", maximumCount: LineProtocolProfile.maximumFieldCount) else {
            return profile
        }
        profile.fields = []
        for section in fields {
            try section.check(["name", "register", "unit", "deviceSuffix"])
            guard let name = try section.string("name") else { throw section.fault("a field needs a name") }
            profile.fields.append(
                LineProtocolProfile.Field(
                    name: name,
                    register: try section.name("register"),
                    unit: try unit(section),
                    deviceSuffix: try section.name("deviceSuffix") ?? ""
                )
            )
        }
        return profile
    }

    private func unit(_ node: ProfileNode) throws(ProfileError) -> Unit? {
        try node.word("unit", "unit (Wh, kWh, MWh, L or m3)") { Unit(symbol: $0) }
    }

    private func csv(_ root: ProfileNode) throws(ProfileError) -> CSVProfile {
        try root.check([
            "format", "utility", "device", "devicePrefix", "register", "unit", "quality", "columns", "values", "time",
            "interval", "delimiter", "decimalComma", "header", "skipLines", "missing", "powerOfTen",
        ])
        var profile = CSVProfile()
        profile.fixedDevice = try root.name("device")
        profile.devicePrefix = try root.name("devicePrefix") ?? ""
        profile.fixedRegister = try root.name("register")
        profile.fixedUnit = try unit(root)
        profile.fixedQuality = try root.word("quality", "quality") { Quality(name: $0) }
        profile.hasDecimalComma = try root.bool("decimalComma") ?? false
        profile.hasHeader = try root.bool("header") ?? true
        profile.skippedLineCount = try root.integer("skipLines", in: 0...1000) ?? 0
        profile.missingMarkers = try root.strings("missing") ?? []
        profile.powerOfTen = try root.integer("powerOfTen", in: -6...6) ?? 0
        if let delimiter = try root.string("delimiter") { profile.delimiter = try self.delimiter(delimiter, root) }
        try readColumns(root, &profile)
        try readTime(root, &profile)
        try readInterval(root, &profile)
        return profile
    }

    private func delimiter(_ text: String, _ root: ProfileNode) throws(ProfileError) -> UInt8 {
        if text == "tab" || text == "\t" { return 0x09 }
        guard text.utf8.count == 1, let byte = text.utf8.first, byte >= 0x20, byte != UInt8(ascii: "\"") else {
            throw root.fault("delimiter must be one character or tab")
        }
        return byte
    }

    private func column(_ node: ProfileNode, _ key: String, hasHeader: Bool) throws(ProfileError) -> CSVProfile.Column?
    {
        guard let column = try node.column(key) else { return nil }
        if let number = column.number {
            guard number <= CSVProfile.maximumColumnCount else {
                throw node.fault("\(key): there are at most \(CSVProfile.maximumColumnCount) columns")
            }
            return .number(number)
        }
        guard hasHeader else { throw node.fault("\(key): without a header columns go by number") }
        return .named(column.name)
    }

    private func readColumns(_ root: ProfileNode, _ profile: inout CSVProfile) throws(ProfileError) {
        let hasHeader = profile.hasHeader
        guard let columns = try root.section("columns") else { throw root.fault("columns are missing") }
        try columns.check([
            "device", "register", "unit", "quality", "kind", "time", "start", "end", "receivedAt", "date", "hour",
            "value",
        ])
        profile.device = try column(columns, "device", hasHeader: hasHeader)
        profile.register = try column(columns, "register", hasHeader: hasHeader)
        profile.unit = try column(columns, "unit", hasHeader: hasHeader)
        profile.quality = try column(columns, "quality", hasHeader: hasHeader)
        profile.kind = try column(columns, "kind", hasHeader: hasHeader)
        profile.time = try column(columns, "time", hasHeader: hasHeader)
        profile.start = try column(columns, "start", hasHeader: hasHeader)
        profile.end = try column(columns, "end", hasHeader: hasHeader)
        profile.receivedAt = try column(columns, "receivedAt", hasHeader: hasHeader)
        profile.date = try column(columns, "date", hasHeader: hasHeader)
        profile.hour = try column(columns, "hour", hasHeader: hasHeader)
        if let value = try column(columns, "value", hasHeader: hasHeader) {
            profile.values = [CSVProfile.ValueColumn(value)]
        }
        for section in try root.sections("values", maximumCount: CSVProfile.maximumValueColumnCount - 1) ?? [] {
            try section.check(["column", "register", "unit", "deviceSuffix"])
            guard let column = try column(section, "column", hasHeader: hasHeader) else {
                throw section.fault("a value needs its column")
            }
            profile.values.append(
                CSVProfile.ValueColumn(
                    column,
                    register: try section.name("register"),
                    unit: try unit(section),
                    deviceSuffix: try section.name("deviceSuffix") ?? ""
                )
            )
        }
        guard !profile.values.isEmpty else { throw columns.fault("there is no column of values") }
        guard profile.date == nil || profile.time == nil else {
            throw columns.fault("date and hour stand in place of time")
        }
        guard profile.time != nil || profile.date != nil || (profile.start != nil && profile.end != nil) else {
            throw columns.fault("there is no column of times")
        }
    }

    private func readTime(_ root: ProfileNode, _ profile: inout CSVProfile) throws(ProfileError) {
        guard let time = try root.section("time") else {
            guard profile.date == nil else { throw root.fault("a date column needs time.format, a pattern") }
            return
        }
        try time.check(["format", "zone"])
        switch try time.string("format") {
        case nil, "auto": profile.timeFormat = .automatic
        case "epoch-seconds": profile.timeFormat = .epochSeconds
        case "epoch-milliseconds": profile.timeFormat = .epochMilliseconds
        case "rfc3339": profile.timeFormat = .rfc3339
        case .some(let text):
            guard let pattern = TimePattern(text) else {
                throw time.fault("format: \"\(text)\" is no pattern such as yyyy-MM-dd HH:mm")
            }
            profile.timeFormat = .pattern(pattern)
        }
        let hasZone = try time.string("zone") != nil
        if case .pattern = profile.timeFormat {
        } else if profile.date != nil || hasZone {
            throw time.fault("a date column and a zone need a pattern as format")
        }
        profile.zone = try time.word("zone", "known time zone") { zones.rules(of: $0) }
    }

    private func readInterval(_ root: ProfileNode, _ profile: inout CSVProfile) throws(ProfileError) {
        guard let interval = try root.section("interval") else { return }
        try interval.check(["length", "stamp"])
        let length = try interval.word("length", "duration such as 15m, up to 400d") { text -> Int64? in
            guard let length = Milliseconds.count(of: text), length > 0, length <= maximumIntervalMilliseconds else {
                return nil
            }
            return length
        }
        guard let length else { throw interval.fault("an interval needs its length") }
        let stamp = try interval.word("stamp", "end or start") { CSVProfile.Stamp(rawValue: $0) }
        guard let stamp else { throw interval.fault("say whether rows are stamped with the end or the start") }
        guard profile.time != nil || profile.date != nil else { throw interval.fault("there is no column of times") }
        guard profile.start == nil, profile.end == nil, profile.kind == nil else {
            throw interval.fault("an interval's length stands in place of kind, start and end")
        }
        profile.intervalMilliseconds = length
        profile.stamp = stamp
    }
}
