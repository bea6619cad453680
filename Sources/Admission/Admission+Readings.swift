package import MeterModel

extension Admission {
    /// Accepts or refuses readings in order of arrival; device order of the log is that of first acceptance.
    ///
    /// - Parameters:
    ///   - drafts: in order of arrival.
    ///   - names: what the drafts' numbers mean.
    ///   - defaults: what came with the input.
    ///   - recordedAt: the time of receipt: of readings told without a time, and the bound of what lies in the future.
    ///   - accepted: where accepted readings are appended.
    ///   - refused: called with the index of each refused draft and why.
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
        var common = CommonTerms(defaults, recordedAt, directory)
        var i = 0
        // Where several in a row are to be judged, a few more are not looked at first.
        var next = 0
        while i < drafts.count {
            if takesKnownFirst, i >= next {
                let count = admitKnown(UnsafeBufferPointer(rebasing: drafts[i...]), common, into: &accepted)
                i += count
                if i == drafts.count { break }
                if count == 0 { next = i + Admission.gatheredCount / 2 }
                if common.register == ReadingDraft.absent { common = CommonTerms(defaults, recordedAt, directory) }
            }
            switch judge(drafts[i], names, defaults, recordedAt) {
            case .success(let reading): accepted.append(reading)
            case .failure(let refusal): refused(i, refusal)
            }
            i += 1
        }
    }

    /// Accepts or refuses one draft, whatever it says.
    private mutating func judge(
        _ draft: ReadingDraft,
        _ names: borrowing TelegramNames,
        _ defaults: AdmissionDefaults,
        _ recordedAt: Instant
    ) -> Result<ReadingRecord, Refusal> {
        var device = deviceOfName[Int(draft.device)]
        if device == ReadingDraft.absent {
            device = names.devices.withBytes(of: draft.device) { directory.devices.index(of: $0) } ?? device
            deviceOfName[Int(draft.device)] = device
        }
        let isKnown = device != ReadingDraft.absent
        var unit = draft.unit != 0 ? draft.unit : defaults.unit?.rawValue ?? 0
        if unit == 0, isKnown { unit = terms[Int(device)].unit }

        // Of several faults the first counts: value, time, device.
        var value: Int64 = 0
        if unit != 0 {
            switch Admission.milli(draft, unit) {
            case .success(let milli): value = milli
            case .failure(let refusal): return .failure(refusal)
            }
        }
        let at = draft.at == ReadingDraft.absentInstant ? recordedAt.milliseconds : draft.at
        let latest = recordedAt.milliseconds + Instant.acceptedLeadMilliseconds
        if let refusal = Admission.timeFault(draft, at: at, latest: latest) { return .failure(refusal) }
        let hasRegister =
            draft.register != ReadingDraft.absent || defaults.register != nil
            || (isKnown && terms[Int(device)].hasRegister)
        guard unit != 0, hasRegister else {
            let lacks = unit == 0 ? "unit" : "register"
            return .failure(Admission.unknownDevice(names.devices[draft.device], lacks: lacks))
        }
        if isKnown, terms[Int(device)].dimension != 0, terms[Int(device)].dimension != Admission.dimension(unit) {
            return .failure(Admission.unitMismatch(names.devices[draft.device], Unit(rawValue: unit)))
        }
        guard isKnown ? takesSeries || hasSeries(draft, Int(device), defaults, names) : takesDevices else {
            return .failure(tooManyDevices(names.devices[draft.device]))
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
        if terms[Int(device)].dimension == 0 { notice(Int(device), register: register, unit: traits.unit) }
        return .success(
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

    /// Whether a draft is of a series that was told of before; numbers nothing.
    private func hasSeries(
        _ draft: ReadingDraft,
        _ device: Int,
        _ defaults: AdmissionDefaults,
        _ names: borrowing TelegramNames
    ) -> Bool {
        let register =
            draft.register != ReadingDraft.absent
            ? names.registers.withBytes(of: draft.register) { directory.registers.index(of: $0) }
            : (defaults.register ?? devices[device].declaration.registerToFillIn)
                .flatMap { directory.registers.index(of: $0) }
        return register.flatMap { directory.existingSeries(device: UInt32(device), register: $0) } != nil
    }

    /// What all drafts of a call have in common.
    private struct CommonTerms {
        /// The default unit's raw value, 0 for none.
        let unit: UInt8
        /// The default register's index, absent where no reading used it; nil for none.
        let register: UInt32?
        let now: Int64
        let earliest: Int64
        let latest: Int64

        init(_ defaults: AdmissionDefaults, _ recordedAt: Instant, _ directory: borrowing SeriesDirectory) {
            unit = defaults.unit?.rawValue ?? 0
            register = defaults.register.map { directory.registers.index(of: $0) ?? ReadingDraft.absent }
            now = recordedAt.milliseconds
            earliest = Instant.earliestAccepted.milliseconds
            latest = now + Instant.acceptedLeadMilliseconds
        }
    }

    /// Accepts the first drafts as long as they are about the series that their devices used last and nothing is wrong
    /// with them: the path of nearly all, which changes nothing of this state.
    ///
    /// - Returns: how many it accepted; the next one is to be judged.
    private func admitKnown(
        _ drafts: UnsafeBufferPointer<ReadingDraft>,
        _ common: CommonTerms,
        into accepted: inout ContiguousArray<ReadingRecord>
    ) -> Int {
        withUnsafeTemporaryAllocation(of: ReadingTerms.self, capacity: Admission.gatheredCount) { near in
            registerOfName.withUnsafeBufferPointer { registerOfName in
                var start = 0
                while start < drafts.count {
                    let end = min(start + Admission.gatheredCount, drafts.count)
                    gatherTerms(UnsafeBufferPointer(rebasing: drafts[start..<end]), into: near)
                    for i in start..<end {
                        let reading = Admission.known(drafts[i], near[i - start], registerOfName, common)
                        guard let reading else { return i }
                        accepted.append(reading)
                    }
                    start = end
                }
                return drafts.count
            }
        }
    }

    /// Drafts whose devices' terms are gathered before the first is looked at: one fetch from memory does not wait for
    /// another.
    private static let gatheredCount = 32

    @inline(__always)
    private func gatherTerms(
        _ drafts: UnsafeBufferPointer<ReadingDraft>,
        into near: UnsafeMutableBufferPointer<ReadingTerms>
    ) {
        deviceOfName.withUnsafeBufferPointer { deviceOfName in
            terms.withUnsafeBufferPointer { terms in
                for i in 0..<drafts.count {
                    let device = deviceOfName[Int(drafts[i].device)]
                    let found = device == ReadingDraft.absent ? ReadingTerms() : terms[Int(device)]
                    near.initializeElement(at: i, to: found)
                }
            }
        }
    }

    /// What a draft becomes that is about the series its device used last and has nothing wrong; nil of any other.
    @inline(__always)
    private static func known(
        _ draft: ReadingDraft,
        _ terms: ReadingTerms,
        _ registerOfName: UnsafeBufferPointer<UInt32>,
        _ common: CommonTerms
    ) -> ReadingRecord? {
        let unit = draft.unit != 0 ? draft.unit : common.unit != 0 ? common.unit : terms.unit
        let register =
            draft.register != ReadingDraft.absent
            ? registerOfName[Int(draft.register)] : common.register ?? terms.register
        let at = draft.at == ReadingDraft.absentInstant ? common.now : draft.at
        // Of a device that is not known the dimension is none either.
        guard unit != 0, terms.dimension == dimension(unit), register != ReadingDraft.absent,
            register == terms.lastRegister, at >= common.earliest, at <= common.latest, !draft.isInterval,
            draft.receivedAt == ReadingDraft.absentInstant, let factor = milliFactor(unit, draft.fractionDigits)
        else { return nil }
        let (value, overflow) = draft.coefficient.multipliedReportingOverflow(by: factor)
        guard !overflow, value <= maximumMilliValue, value >= -maximumMilliValue else { return nil }
        return ReadingRecord(
            series: terms.lastSeries,
            traits: ReadingTraits(rawValue: draft.quality.rawValue | unit << 3),
            at: at,
            value: value,
            span: 0,
            receivedAt: ReadingDraft.absentInstant
        )
    }

    /// The dimension of a unit, by its raw value.
    @inline(__always)
    private static func dimension(_ unit: UInt8) -> UInt8 { unit <= 3 ? 1 : 2 }

    /// What a coefficient is multiplied by to be in mWh or mL; nil where it is finer than that.
    @inline(__always)
    private static func milliFactor(_ unit: UInt8, _ fractionDigits: UInt8) -> Int64? {
        // Three digits, six and nine, by the unit's raw value.
        switch UInt8(truncatingIfNeeded: 0x63_9630 &>> (UInt32(unit) &* 4)) & 15 &- fractionDigits {
        case 0: return 1
        case 1: return 10
        case 2: return 100
        case 3: return 1000
        case 4: return 10_000
        case 5: return 100_000
        case 6: return 1_000_000
        case 7: return 10_000_000
        case 8: return 100_000_000
        case 9: return 1_000_000_000
        default: return nil
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

    func tooManyDevices(_ name: String) -> Refusal {
        let seriesCount = deviceLimit * Admission.seriesPerDeviceLimit
        return Refusal(
            .tooManyDevices,
            "\(name) would be beyond \(deviceLimit) devices, or \(seriesCount) registers of them; if that is right, "
                + "raise ingest.devices"
        )
    }

    static func unitMismatch(_ name: String, _ unit: Unit?) -> Refusal {
        Refusal(.unitMismatch, "\(name) does not count in \(unit?.symbol ?? "that unit")'s dimension")
    }
}
