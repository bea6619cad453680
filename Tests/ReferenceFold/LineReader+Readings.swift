extension LineReader {
    mutating func reading() -> Event? {
        open(["device", "readAt", "value"], optional: ["register", "unit", "quality", "receivedAt", "kind"])
        // The one kind that is written is `interval`.
        if fields.has("kind") { fields.faults.add(.valueSyntax) }
        let device = fields.name("device")
        let register = register(of: device)
        let unit = unit(of: device)
        let value = fields.quantity("value", unit)
        let quality = quality()
        let readAt = instant("readAt")
        _ = instant("receivedAt")
        guard let device, let register, let value, let quality, let readAt else { return nil }
        return .reading(
            device: device,
            register: register,
            RegisterReading(readAt: readAt, value: value, quality: quality)
        )
    }

    mutating func interval() -> Event? {
        open(
            ["device", "kind", "start", "end", "value"],
            optional: ["register", "unit", "quality", "receivedAt"]
        )
        let device = fields.name("device")
        let register = register(of: device)
        let unit = unit(of: device)
        // Section 1: "an interval amount below 0 is refused (`value-range`)".
        let value = fields.quantity("value", unit, in: 0...maximumCount)
        let quality = quality()
        let start = instant("start")
        let end = instant("end")
        _ = instant("receivedAt")
        guard let start, let end else { return nil }
        // Section 1: "`start` is not before its `end` or that is longer than 400 days".
        if start >= end || end - start > maximumIntervalLength { fields.faults.add(.timeRange) }
        guard let device, let register, let value, let quality else { return nil }
        return .interval(
            device: device,
            register: register,
            IntervalReading(start: start, end: end, value: value, quality: quality)
        )
    }

    /// Section 2: "default `measured`".
    private mutating func quality() -> Quality? {
        guard fields.has("quality") else { return .measured }
        let quality = fields.text("quality").flatMap { Quality($0) }
        if quality == nil { fields.faults.add(.valueSyntax) }
        return quality
    }

    mutating func corrected() -> Event? {
        open(["device", "readAt", "value", "reason"], optional: ["register", "unit"])
        _ = fields.text("reason")
        let device = fields.name("device")
        let register = register(of: device)
        let unit = unit(of: device)
        let value = fields.quantity("value", unit)
        let readAt = instant("readAt")
        guard let device, let register, let value, let readAt else { return nil }
        return .verdict(device: device, register: register, Verdict(readAt: readAt, value: value))
    }

    mutating func voided() -> Event? {
        open(["device", "readAt", "reason"], optional: ["register"])
        _ = fields.text("reason")
        let device = fields.name("device")
        let register = register(of: device)
        let readAt = instant("readAt")
        guard let device, let register, let readAt else { return nil }
        return .verdict(device: device, register: register, Verdict(readAt: readAt, value: nil))
    }

    mutating func exchanged() -> Event? {
        open(
            ["device", "at", "finalValue", "initialValue"],
            optional: ["register", "unit", "modulus", "multiplier"]
        )
        let device = registeredDevice()
        let register = register(of: device)
        let unit = unit(of: device)
        let finalValue = fields.quantity("finalValue", unit)
        let initialValue = fields.quantity("initialValue", unit)
        let modulus = fields.quantity("modulus", unit, in: 1...maximumCount)
        let multiplier = multiplier()
        let at = instant("at")
        guard let device, let register, let finalValue, let initialValue, let at else { return nil }
        return .exchanged(
            device: device,
            register: register,
            Exchange(
                at: at,
                finalValue: finalValue,
                initialValue: initialValue,
                modulus: modulus,
                multiplier: multiplier
            )
        )
    }

    mutating func multiplierCorrected() -> Event? {
        open(["device", "multiplier", "reason"], optional: ["register", "at"])
        _ = fields.text("reason")
        let device = registeredDevice()
        let register = register(of: device)
        let at = instant("at")
        let multiplier = multiplier()
        guard let device, let register, let multiplier else { return nil }
        return .multiplierCorrected(
            device: device,
            register: register,
            MultiplierCorrection(at: at, multiplier: multiplier)
        )
    }

    /// Section 3: "a positive decimal, at most 3 fraction digits, at most 1 000 000".
    mutating func multiplier() -> Int128? {
        fields.count("multiplier", places: 3, in: 1...(1_000_000 * 1_000))
    }
}
