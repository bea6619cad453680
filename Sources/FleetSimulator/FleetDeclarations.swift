import MeterModel

/// What is declared before a fleet's readings, line by line as NDJSON events.
struct FleetDeclarations {
    private let fleet: Fleet
    private var nextTariff = 0
    private var nextDevice = 0

    init(_ fleet: Fleet) { self.fleet = fleet }

    /// The next lines, each with its end: a tariff, or all that is told of one device. Nil at the end.
    mutating func next() -> String? {
        if nextTariff < FleetZone.all.count * Utility.allCases.count {
            let zone = FleetZone.all[nextTariff / Utility.allCases.count]
            let utility = Utility.allCases[nextTariff % Utility.allCases.count]
            nextTariff += 1
            return tariff(zone, utility)
        }
        guard nextDevice < fleet.devices.count else { return nil }
        let device = fleet.devices[nextDevice]
        nextDevice += 1
        var lines = registration(device)
        if let prepayment = device.prepayment { lines += topUp(device, prepayment) }
        if let exchange = fleet.exchange(of: device) { lines += exchanged(device, exchange) }
        return lines
    }

    /// In force a year before the readings begin.
    private func tariff(_ zone: FleetZone, _ utility: Utility) -> String {
        let price = decimalText(Int128(zone.price(of: utility)), fractionDigits: 4)
        let from = LocalDate(dayNumber: fleet.start.dayNumber - 365)
        return """
            {"event":"TariffPublished","tariff":"\(zone.tariffName(utility))","unit":"\(utility.defaultUnit.symbol)",\
            "currency":"\(zone.currency)","timezone":"\(zone.timezone)",\
            "versions":[{"from":"\(from)","default":"\(price)"}]}

            """
    }

    private func registration(_ device: FleetDevice) -> String {
        var line = """
            {"event":"DeviceRegistered","device":"\(device.name)","utility":"\(device.utility.name)",\
            "unit":"\(device.unit.symbol)","register":"\(device.register)","timezone":"\(device.zone.timezone)"
            """
        if let modulus = device.modulus {
            line += ",\"modulus\":\"\(decimalText(Int128(modulus), fractionDigits: 3))\""
        }
        if device.prepayment != nil {
            // The day before: west of Greenwich the readings begin on it.
            let from = LocalDate(dayNumber: fleet.start.dayNumber - 1)
            line += ",\"tariff\":\"\(device.zone.tariffName(device.utility))\",\"from\":\"\(from)\""
        }
        return line + "}\n"
    }

    private func topUp(_ device: FleetDevice, _ prepayment: FleetDevice.Prepayment) -> String {
        let amount = decimalText(Int128(prepayment.minorUnits), fractionDigits: 2, minimumFraction: 2)
        return """
            {"event":"TopUpReceived","device":"\(device.name)","amount":"\(amount)",\
            "currency":"\(device.zone.currency)","provider":"simulator","reference":"\(device.topUpReference)",\
            "at":"\(fleet.startInstant.rfc3339)"}

            """
    }

    private func exchanged(_ device: FleetDevice, _ exchange: FleetExchange) -> String {
        let finalValue = decimalText(Int128(exchange.finalValue), fractionDigits: 3, minimumFraction: 3)
        let initialValue = decimalText(Int128(exchange.initialValue), fractionDigits: 3, minimumFraction: 3)
        return """
            {"event":"MeterExchanged","device":"\(device.name)","at":"\(Instant(milliseconds: exchange.at).rfc3339)",\
            "finalValue":"\(finalValue)","initialValue":"\(initialValue)"}

            """
    }
}
