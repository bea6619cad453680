import Admission
import MeterModel
import TimeZones

/// 2025-06-01T00:00Z: when every event of a test is received.
let receivedAt = Instant(milliseconds: 1_748_736_000_000)

/// 2025-01-01T00:00Z.
let newYear = Instant(milliseconds: 1_735_689_600_000)

private let zones = FoundationZoneSource()

/// An admission with a decoder's table of names.
struct Gate {
    var admission = Admission(zones: zones)
    var names = TelegramNames()

    /// The code of the refusal, or nil where the event is accepted.
    mutating func refusal(_ event: MeterEvent, defaults: AdmissionDefaults = .none) -> RefusalCode? {
        do throws(Refusal) {
            _ = try admission.admit(event, defaults: defaults, recordedAt: receivedAt)
            return nil
        } catch {
            return error.code
        }
    }

    /// What becomes of readings: those accepted, and the codes of the others by index.
    mutating func admit(_ drafts: [ReadingDraft], defaults: AdmissionDefaults = .none)
        -> (accepted: [ReadingRecord], refused: [Int: RefusalCode])
    {
        var accepted: ContiguousArray<ReadingRecord> = []
        var refused: [Int: RefusalCode] = [:]
        drafts.withUnsafeBufferPointer { drafts in
            admission.admit(
                drafts,
                names: names,
                defaults: defaults,
                recordedAt: receivedAt,
                into: &accepted
            ) { i, refusal in refused[i] = refusal.code }
        }
        return (Array(accepted), refused)
    }

    mutating func refusal(_ draft: ReadingDraft, defaults: AdmissionDefaults = .none) -> RefusalCode? {
        admit([draft], defaults: defaults).refused[0]
    }

    /// A reading of `coefficient / 10^fractionDigits`.
    mutating func draft(
        _ device: String,
        _ coefficient: Int64 = 1,
        fractionDigits: UInt8 = 0,
        register: String? = nil,
        unit: Unit? = nil,
        at: Int64 = newYear.milliseconds,
        start: Int64? = nil
    ) -> ReadingDraft {
        ReadingDraft(
            line: 1,
            rawOffset: 0,
            rawByteCount: 0,
            device: names.devices.intern(device),
            register: register.map { names.registers.intern($0) } ?? ReadingDraft.absent,
            coefficient: coefficient,
            fractionDigits: fractionDigits,
            unit: unit?.rawValue ?? 0,
            quality: .measured,
            isInterval: start != nil,
            at: at,
            start: start ?? 0,
            receivedAt: ReadingDraft.absentInstant
        )
    }
}

func registered(
    _ device: String,
    _ utility: Utility = .electricity,
    _ change: (inout DeviceRegistered) -> Void = { _ in }
)
    -> MeterEvent
{
    var event = DeviceRegistered(device: device, utility: utility)
    change(&event)
    return .deviceRegistered(event)
}

func published(_ tariff: String, unit: Unit = .kilowattHour, currency: String = "EUR", zone: String? = nil)
    -> MeterEvent
{
    .tariffPublished(
        TariffPublished(
            tariff: tariff,
            unit: unit,
            currency: Currency(currency) ?? euro,
            timezone: zone,
            versions: [TariffVersion(from: LocalDate(dayNumber: 20_000), defaultPrice: .one)]
        )
    )
}

func topUp(
    _ device: String,
    _ reference: String,
    amount: Int128 = 5,
    currency: String = "EUR",
    at: Instant = newYear
) -> MeterEvent {
    .topUpReceived(
        Payment(
            device: device,
            amount: ExactDecimal(amount),
            currency: Currency(currency) ?? euro,
            provider: "p",
            reference: reference,
            at: at
        )
    )
}

func assigned(_ device: String, _ tariff: String) -> MeterEvent {
    .tariffAssigned(TariffAssigned(device: device, tariff: tariff, from: LocalDate(dayNumber: 20_000)))
}

func corrected(
    _ device: String,
    _ value: ExactDecimal = .one,
    register: String? = nil,
    unit: Unit? = nil,
    at: Instant = newYear
) -> MeterEvent {
    .readingCorrected(
        ReadingCorrected(device: device, register: register, readAt: at, value: value, unit: unit, reason: "r")
    )
}

private let euro: Currency = {
    guard let euro = Currency("EUR") else { preconditionFailure("EUR is a currency") }
    return euro
}()
