import MeterModel

extension FleetHistory {
    /// Lines that are refused, or nearly.
    mutating func tellNonsense(_ device: FleetMeter) {
        let nonsense = readingNonsense(device) + eventNonsense(device, tariffs[0].name) + ruleNonsense(device)
        for _ in 0..<random.int(0...4) { add(random.pick(nonsense)) }
    }

    private func readingNonsense(_ device: FleetMeter) -> [String] {
        let own = "{\"device\":\(device.json),"
        let stranger = #"{"device":"stranger","readAt":1711800000,"#
        let voided = #"{"event":"ReadingVoided","device":"stranger","readAt":1711800000,"reason":"r""#
        return [
            own + "\"readAt\":1711800000,\"value\":1,\"unit\":\"\(otherUnit(device))\"}",
            own + #""readAt":1711800000,"value":1.0000001}"#,
            own + #""readAt":1711800000,"value":0.0005,"unit":"Wh"}"#,
            own + #""readAt":1,"value":1}"#,
            stranger + #""value":1,"unit":"kWh"}"#,
            stranger + #""value":1,"register":"x"}"#,
            stranger + #""value":1,"register":"x","unit":"L"}"#,
            voided + #","register":"x"}"#,
            voided + "}",
        ]
    }

    private func eventNonsense(_ device: FleetMeter, _ tariff: String) -> [String] {
        let registered = "{\"event\":\"DeviceRegistered\",\"device\":\(device.json),\"utility\":"
        let assigned = "{\"event\":\"TariffAssigned\",\"device\":\(device.json),\"from\":\"2024-04-01\",\"tariff\":"
        return [
            assigned + #""none"}"#,
            assigned + "\"\(tariff)\"}",
            #"{"event":"MeterExchanged","device":"stranger","at":1711800000,"finalValue":1,"initialValue":0}"#,
            registered + #""electricity","timezone":"Mars/Base"}"#,
            registered + #""water","unit":"kWh"}"#,
            registered + #""gas"}"#,
            "{\"event\":\"TariffPublished\",\"tariff\":\"\(tariff)\",\"unit\":\"\(otherUnit(device))\","
                + #""currency":"EUR","versions":[{"from":"2024-01-01","default":1}]}"#,
        ]
    }

    private func ruleNonsense(_ device: FleetMeter) -> [String] {
        let set = "{\"event\":\"AlertRuleSet\",\"device\":\(device.json),"
        let registered = "{\"event\":\"DeviceRegistered\",\"device\":\(device.json),"
        let declared = registered + "\"utility\":\"\(device.utility.name)\",\"alerts\":"
        return [
            set + #""rule":"zero","remove":true}"#,
            set + #""rule":"zero","level":1}"#,
            set + #""rule":"low","level":2,"rearm":1}"#,
            set + #""rule":"low","level":1e-7}"#,
            set + #""rule":"low","level":1,"reminders":["2h","1h"]}"#,
            set + #""rule":"low","level":1,"remove":true}"#,
            set + #""rule":"low"}"#,
            set + #""rule":"never set","remove":true}"#,
            declared + #"[{"rule":"low","level":3,"rearm":2}]}"#,
            declared + #"[{"rule":"low"}]}"#,
            #"{"event":"AlertRuleSet","device":"stranger","rule":"low","level":1}"#,
        ]
    }

    private func otherUnit(_ device: FleetMeter) -> String { device.dimension == .energy ? "m3" : "kWh" }
}
