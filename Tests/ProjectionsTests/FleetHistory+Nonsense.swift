import MeterModel

extension FleetHistory {
    /// Lines that are refused, or nearly.
    mutating func tellNonsense(_ device: FleetMeter, _ tariffs: [Tariff]) {
        let nonsense = readingNonsense(device) + eventNonsense(device, tariffs[0].name)
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
        let job = jsonText(device.name + "/zero/1/crossed")
        return [
            assigned + #""none"}"#,
            assigned + "\"\(tariff)\"}",
            #"{"event":"MeterExchanged","device":"stranger","at":1711800000,"finalValue":1,"initialValue":0}"#,
            registered + #""electricity","timezone":"Mars/Base"}"#,
            registered + #""water","unit":"kWh"}"#,
            registered + #""gas"}"#,
            "{\"event\":\"TariffPublished\",\"tariff\":\"\(tariff)\",\"unit\":\"\(otherUnit(device))\","
                + #""currency":"EUR","versions":[{"from":"2024-01-01","default":1}]}"#,
            "{\"event\":\"PushDelivered\",\"job\":\(job),\"at\":1711800000,\"response\":\"ok\"}",
            "{\"event\":\"PushFailed\",\"job\":\(job),\"at\":1711800000}",
        ]
    }

    private func otherUnit(_ device: FleetMeter) -> String { device.dimension == .energy ? "m3" : "kWh" }
}
