package import MeterModel

/// Writes accepted facts as lines of NDJSON, the form that `NDJSONDecoder` reads back (semantics, section 9).
package struct NDJSONEncoder {
    /// What a line says of its place in the log, under `record`.
    package struct Record {
        package var position: Position
        package var recordedAt: Instant
        package var recordedBy: String

        package init(position: Position, recordedAt: Instant, recordedBy: String) {
            self.position = position
            self.recordedAt = recordedAt
            self.recordedBy = recordedBy
        }
    }

    private let text: TextScratch

    /// - Parameter text: takes the lines, each ended with LF.
    package init(_ text: TextScratch) { self.text = text }

    /// Writes a reading; its value is told in the unit in which it came.
    package func append(_ reading: ReadingRecord, directory: SeriesDirectory, record: Record? = nil) {
        directory.withNames(ofSeries: reading.series) { device, register in
            text.append("{\"device\": ")
            text.append(jsonString: device)
            if reading.traits.isInterval {
                text.append(", \"kind\": \"interval\", \"start\": \"")
                text.append(instant: reading.at - reading.span)
                text.append("\", \"end\": \"")
            } else {
                text.append(", \"readAt\": \"")
            }
            text.append(instant: reading.at)
            text.append("\", \"value\": \"")
            text.append(decimal: Int128(reading.value), fractionDigits: reading.traits.unit.milliDigits)
            text.append("\", \"register\": ")
            text.append(jsonString: register)
            text.append(", \"unit\": \"")
            text.append(reading.traits.unit.symbol)
            text.append(UInt8(ascii: "\""))
        }
        if reading.traits.quality != .measured { field("quality", reading.traits.quality.name) }
        if reading.receivedAt != ReadingDraft.absentInstant {
            field("receivedAt", Instant(milliseconds: reading.receivedAt))
        }
        end(record)
    }

    /// Writes any other event.
    package func append(_ event: MeterEvent, record: Record? = nil) {
        begin()
        field("event", event.name)
        switch event {
        case .readingCorrected(let e):
            series(e.device, e.register)
            field("readAt", e.readAt)
            field("value", e.value.description)
            field("unit", e.unit?.symbol)
            field("reason", e.reason)
        case .readingVoided(let e):
            series(e.device, e.register)
            field("readAt", e.readAt)
            field("reason", e.reason)
        case .deviceRegistered(let e): declaration(e)
        case .meterExchanged(let e):
            series(e.device, e.register)
            field("at", e.at)
            field("finalValue", e.finalValue.description)
            field("initialValue", e.initialValue.description)
            field("unit", e.unit?.symbol)
            field("modulus", e.modulus?.description)
            field("multiplier", e.multiplier?.description)
        case .multiplierCorrected(let e):
            series(e.device, e.register)
            field("at", e.at)
            field("multiplier", e.multiplier.description)
            field("reason", e.reason)
        case .tariffPublished(let e): tariff(e)
        case .tariffAssigned(let e):
            field("device", e.device)
            field("tariff", e.tariff)
            field("from", e.from.description)
        case .topUpReceived(let e), .topUpRefunded(let e): payment(e)
        case .balanceAdjusted(let e):
            money(e.device, e.amount, e.currency)
            field("reference", e.reference)
            field("at", e.at)
            field("reason", e.reason)
        case .alertRuleSet(let e):
            field("device", e.device)
            switch e.change {
            case .set(let rule): alertRule(rule)
            case .remove(let rule):
                field("rule", rule)
                literal("remove", "true")
            }
        case .dayTurned(let e):
            field("timezone", e.timezone)
            field("at", e.at)
        case .pushSettled(let e):
            field("job", e.job)
            field("at", e.at)
            field("channel", e.channel)
            if let attempt = e.attempt { literal("attempt", String(attempt)) }
            field("response", e.response)
        }
        end(record)
    }

    // MARK: Events with structure

    private func series(_ device: String, _ register: String?) {
        field("device", device)
        field("register", register)
    }

    private func money(_ device: String, _ amount: ExactDecimal, _ currency: Currency) {
        field("device", device)
        field("amount", amount.description)
        field("currency", currency.code)
    }

    private func payment(_ event: Payment) {
        money(event.device, event.amount, event.currency)
        field("provider", event.provider)
        field("reference", event.reference)
        field("of", event.of)
        field("at", event.at)
        field("reason", event.reason)
    }

    private func declaration(_ event: DeviceRegistered) {
        field("device", event.device)
        field("utility", event.utility.name)
        field("unit", event.unit?.symbol)
        field("register", event.register)
        field("timezone", event.timezone)
        field("multiplier", event.multiplier?.description)
        field("modulus", event.modulus?.description)
        field("maxRate", event.maxRate?.description)
        field("gapAfter", event.gapAfterMilliseconds.map { Milliseconds.text($0) })
        field("account", event.account)
        field("tariff", event.tariff)
        field("from", event.from?.description)
        if let alerts = event.alerts {
            list("alerts", alerts) { encoder, rule in encoder.object { $0.alertRule(rule) } }
        }
        let resets = DeviceResets.fields.filter { event.resets.contains($0.reset) }
        if !resets.isEmpty { list("resets", resets) { $0.string($1.name) } }
    }

    private func alertRule(_ rule: AlertRule) {
        field("rule", rule.rule)
        field("level", rule.level.description)
        field("rearm", rule.rearm.description)
        if rule.cleared { literal("cleared", "true") }
        field("staleAfter", Milliseconds.text(rule.staleAfterMilliseconds))
        if !rule.remindersMilliseconds.isEmpty {
            list("reminders", rule.remindersMilliseconds) { $0.string(Milliseconds.text($1)) }
        }
    }

    private func tariff(_ event: TariffPublished) {
        field("tariff", event.tariff)
        field("unit", event.unit.symbol)
        field("currency", event.currency.code)
        field("timezone", event.timezone)
        list("versions", event.versions) { encoder, version in encoder.object { $0.version(version) } }
    }

    private func version(_ version: TariffVersion) {
        field("from", version.from.description)
        field("default", version.defaultPrice.description)
        if !version.periods.isEmpty {
            list("periods", version.periods) { encoder, period in
                encoder.object {
                    $0.field("name", period.name)
                    $0.field("price", period.price.description)
                    $0.list("windows", period.windows) { encoder, window in encoder.object { $0.window(window) } }
                }
            }
        }
        if let tiers = version.tiers {
            key("tiers")
            object {
                $0.field("period", tiers.period == .month ? "month" : "year")
                $0.list("steps", tiers.steps) { encoder, step in
                    encoder.object {
                        $0.field("upTo", step.upTo?.description)
                        $0.field("add", step.add.description)
                    }
                }
            }
        }
        field("standingCharge", version.standingCharge?.description)
        field("tax", version.tax?.description)
    }

    private func window(_ window: TariffWindow) {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        field("days", names.indices.filter { window.weekdays >> $0 & 1 == 1 }.map { names[$0] }.joined(separator: ","))
        field("from", NDJSONEncoder.clock(window.fromMinute))
        field("to", NDJSONEncoder.clock(window.toMinute))
    }

    private static func clock(_ minute: Int) -> String {
        let pad = { (n: Int) in n < 10 ? "0\(n)" : "\(n)" }
        return "\(pad(minute / 60)):\(pad(minute % 60))"
    }

    // MARK: JSON

    private func begin() { text.append(UInt8(ascii: "{")) }

    private func end(_ record: Record?) {
        if let record {
            key("record")
            object {
                $0.literal("position", String(record.position.rawValue))
                $0.field("recordedAt", record.recordedAt)
                $0.field("recordedBy", record.recordedBy)
            }
        }
        text.append(UInt8(ascii: "}"))
        text.append(UInt8(ascii: "\n"))
    }

    private func object(_ body: (NDJSONEncoder) -> Void) {
        begin()
        body(self)
        text.append(UInt8(ascii: "}"))
    }

    private func list<Element>(
        _ name: StaticString,
        _ elements: [Element],
        _ body: (NDJSONEncoder, Element) -> Void
    ) {
        key(name)
        text.append(UInt8(ascii: "["))
        for (i, element) in elements.enumerated() {
            if i > 0 { text.append(", ") }
            body(self, element)
        }
        text.append(UInt8(ascii: "]"))
    }

    private func key(_ name: StaticString) {
        if text.bytes.last != UInt8(ascii: "{") { text.append(", ") }
        text.append(UInt8(ascii: "\""))
        text.append(name)
        text.append("\": ")
    }

    private func literal(_ name: StaticString, _ value: String) {
        key(name)
        text.append(value)
    }

    private func field(_ name: StaticString, _ value: String?) {
        guard let value else { return }
        key(name)
        string(value)
    }

    private func field(_ name: StaticString, _ instant: Instant?) { field(name, instant?.rfc3339) }

    private func string(_ value: String) {
        var value = value
        value.withUTF8 { text.append(jsonString: $0) }
    }
}
