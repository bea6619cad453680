package import MeterModel

extension Admission {
    /// Accepts or refuses readings in order of arrival; device order of the log is that of first acceptance.
    ///
    /// - Parameters:
    ///   - recordedAt: the time of receipt: of readings told without a time, and the bound of what lies in the future.
    ///   - accepted: where accepted readings are appended.
    ///   - refused: called with the index of each refused draft and why.
    // Long: one pass without calls per fault keeps the data plane's order of checks in one place.
    package mutating func admit(
        _ drafts: UnsafeBufferPointer<ReadingDraft>,
        names: borrowing TelegramNames,
        defaults: AdmissionDefaults,
        recordedAt: Instant,
        into accepted: inout ContiguousArray<ReadingRecord>,
        refused: (Int, Refusal) -> Void
    ) {
        while deviceOfName.count < names.devices.count { deviceOfName.append(ReadingDraft.absent) }
        while registerOfName.count < names.registers.count { registerOfName.append(ReadingDraft.absent) }
        let defaultUnit = defaults.unit?.rawValue ?? 0
        let latest = recordedAt.milliseconds + Instant.acceptedLeadMilliseconds
        for i in 0..<drafts.count {
            let draft = drafts[i]
            var device = deviceOfName[Int(draft.device)]
            if device == ReadingDraft.absent {
                device = names.devices.withBytes(of: draft.device) { directory.devices.index(of: $0) } ?? device
                deviceOfName[Int(draft.device)] = device
            }
            let isKnown = device != ReadingDraft.absent
            var unit = draft.unit != 0 ? draft.unit : defaultUnit
            if unit == 0, isKnown { unit = terms[Int(device)].unit }

            // Of several faults the first counts: value, time, device.
            var value: Int64 = 0
            if unit != 0 {
                switch Admission.milli(draft, unit) {
                case .success(let milli): value = milli
                case .failure(let refusal):
                    refused(i, refusal)
                    continue
                }
            }
            let at = draft.at == ReadingDraft.absentInstant ? recordedAt.milliseconds : draft.at
            if let refusal = Admission.timeFault(draft, at: at, latest: latest) {
                refused(i, refusal)
                continue
            }
            let hasRegister =
                draft.register != ReadingDraft.absent || defaults.register != nil
                || (isKnown && terms[Int(device)].hasRegister)
            guard unit != 0, hasRegister else {
                refused(i, Admission.unknownDevice(names.devices[draft.device], lacks: unit == 0 ? "unit" : "register"))
                continue
            }
            let dimension: UInt8 = unit <= 3 ? 1 : 2
            if isKnown, terms[Int(device)].dimension != 0, terms[Int(device)].dimension != dimension {
                refused(i, Admission.unitMismatch(names.devices[draft.device], Unit(rawValue: unit)))
                continue
            }
            if !isKnown {
                device = names.devices.withBytes(of: draft.device) { directory.device(named: $0) }
                deviceOfName[Int(draft.device)] = device
                growDevices()
            }
            let register = register(of: draft, Int(device), defaults, names)
            let series = series(of: Int(device), register: register)
            let traits = ReadingTraits(
                quality: draft.quality,
                isInterval: draft.isInterval,
                unit: Unit(rawValue: unit) ?? .kilowattHour
            )
            if terms[Int(device)].dimension == 0 {
                notice(Int(device), register: register, unit: traits.unit)
            }
            accepted.append(
                ReadingRecord(
                    series: series,
                    traits: traits,
                    at: at,
                    value: value,
                    span: draft.isInterval ? at - draft.start : 0,
                    receivedAt: draft.receivedAt
                )
            )
        }
    }

    /// The register of an accepted draft: its own, the input's default, or what the device declares.
    @inline(__always)
    private mutating func register(
        of draft: ReadingDraft,
        _ device: Int,
        _ defaults: AdmissionDefaults,
        _ names: borrowing TelegramNames
    ) -> UInt32 {
        guard draft.register != ReadingDraft.absent else {
            if let name = defaults.register { return directory.register(named: name) }
            if terms[device].register == ReadingDraft.absent, let name = devices[device].declaration.registerToFillIn {
                terms[device].register = directory.register(named: name)
            }
            return terms[device].register
        }
        let known = registerOfName[Int(draft.register)]
        if known != ReadingDraft.absent { return known }
        let register = names.registers.withBytes(of: draft.register) { directory.register(named: $0) }
        registerOfName[Int(draft.register)] = register
        return register
    }

    @inline(__always)
    private mutating func series(of device: Int, register: UInt32) -> UInt32 {
        if terms[device].lastRegister == register { return terms[device].lastSeries }
        let series = directory.series(device: UInt32(device), register: register)
        terms[device].lastRegister = register
        terms[device].lastSeries = series
        return series
    }

    /// The draft's value in mWh or mL.
    @inline(__always)
    private static func milli(_ draft: ReadingDraft, _ unit: UInt8) -> Result<Int64, Refusal> {
        let shift = milliDigits[Int(unit)] - Int(draft.fractionDigits)
        guard shift >= 0 else { return .failure(tooFine) }
        let (product, overflow) = draft.coefficient.multipliedReportingOverflow(by: powersOfTen[shift])
        if overflow || product > maximumMilliValue || product < -maximumMilliValue { return .failure(outOfRange) }
        if draft.isInterval, product < 0 { return .failure(negativeAmount) }
        return .success(product)
    }

    /// Digits between a unit and mWh or mL, by the unit's raw value.
    private static let milliDigits: [Int] = [0] + Unit.allCases.map(\.milliDigits)
    private static let powersOfTen: [Int64] = (0...9).map { n in (0..<n).reduce(1) { product, _ in product * 10 } }

    static let tooFine = Refusal(.valuePrecision, "finer than 1 mWh or 1 mL; round it at the source")
    static let outOfRange = Refusal(.valueRange, "beyond 10^15 mWh or mL; check the unit")
    private static let negativeAmount = Refusal(.valueRange, "the amount of an interval is below 0")

    @inline(__always)
    private static func timeFault(_ draft: ReadingDraft, at: Int64, latest: Int64) -> Refusal? {
        let earliest = Instant.earliestAccepted.milliseconds
        if at < earliest || at > latest { return timeRange(at) }
        if draft.receivedAt != ReadingDraft.absentInstant, draft.receivedAt < earliest || draft.receivedAt > latest {
            return timeRange(draft.receivedAt)
        }
        guard draft.isInterval else { return nil }
        if draft.start < earliest { return timeRange(draft.start) }
        if draft.start >= at { return Refusal(.timeRange, "the interval's start is not before its end") }
        return at - draft.start > maximumIntervalMilliseconds
            ? Refusal(.timeRange, "the interval is longer than 400 days") : nil
    }

    static func timeRange(_ instant: Int64) -> Refusal {
        Refusal(
            .timeRange,
            "\(Instant(milliseconds: instant).rfc3339) is before 2000 or over 24 h ahead; check clock and precision"
        )
    }

    static func unknownDevice(_ name: String, lacks what: String) -> Refusal {
        Refusal(
            .unknownDevice,
            "\(name) is not registered and the line names no \(what); register it, or name register and unit"
        )
    }

    static func unitMismatch(_ name: String, _ unit: Unit?) -> Refusal {
        Refusal(.unitMismatch, "\(name) does not count in \(unit?.symbol ?? "that unit")'s dimension")
    }
}
