import FleetSimulator
import MeterModel
import Telegrams

/// What one line says, in a form in which the log can say it too.
enum Fact: Hashable {
    /// mWh, at UTC milliseconds.
    case reading(device: String, at: Int64, value: Int64)
    case event(MeterEvent)
}

/// A line to be sent, and what it says; nil: it must be refused.
struct SimulatedLine {
    let text: String
    let fact: Fact?
}

/// The lines of a few devices with prepaid balances, dealt out to those who send them.
///
/// Invariants: each line says everything that could be filled in; the first script begins with all declarations; what
/// one script says of a device is nothing that depends on another script's place in the log, money and declarations
/// aside, which are one script's alone.
struct SimulatedFleet {
    private static let register = "1-0:1.8.0"
    /// When the readings begin, and the day from which the devices are charged: any day, and two before clocks change.
    private static let beginnings: [(start: Int64, day: String)] = [
        (1_772_323_200_000, "2026-02-20"), (1_774_645_200_000, "2026-03-26"), (1_792_756_800_000, "2026-10-20"),
    ]

    private(set) var scripts: [[SimulatedLine]]
    /// The latest instant that a line tells of.
    private(set) var end: Int64 = 0
    private let start: Int64
    private let firstDay: String
    private var random: SeededGenerator
    private var references = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        (start, firstDay) = SimulatedFleet.beginnings[random.below(3)]
        let count = 1 + random.below(3)
        scripts = Array(repeating: [], count: count)
        let devices = (1...2 + random.below(3)).map { "D\($0)" }
        declare(devices)
        for (i, device) in devices.enumerated() { tell(of: device, in: i % count) }
        for script in scripts.indices where random.below(3) == 0 { addNonsense(to: script) }
    }

    private mutating func declare(_ devices: [String]) {
        let price = ["0.25", "1", "0.3333"][random.below(3)]
        let standing = random.below(3) == 0 ? ",\"standingCharge\":\"0.5\"" : ""
        let zone = random.below(2) == 0 ? "\"timezone\":\"Europe/Berlin\"," : ""
        let tariff =
            "{\"event\":\"TariffPublished\",\"tariff\":\"T\",\"unit\":\"kWh\",\"currency\":\"EUR\",\(zone)\"versions\":"
            + "[{\"from\":\"2026-01-01\",\"default\":\"\(price)\"\(standing)}]}"
        scripts[0].append(SimulatedFleet.line(tariff))
        for device in devices {
            var text = "{\"event\":\"DeviceRegistered\",\"device\":\"\(device)\",\"utility\":\"electricity\","
            text +=
                "\"unit\":\"Wh\",\"register\":\"\(SimulatedFleet.register)\",\"tariff\":\"T\",\"from\":\"\(firstDay)\""
            if random.below(5) == 0 { text += ",\"timezone\":\"Asia/Kolkata\"" }
            if random.below(2) == 0 {
                text += ",\"alerts\":[{\"rule\":\"low\",\"level\":\"3\",\"rearm\":\"4\",\"cleared\":true"
                text += random.below(2) == 0 ? "}]" : ",\"reminders\":[\"6h\"]}]"
            }
            scripts[0].append(SimulatedFleet.line(text + "}"))
        }
    }

    /// A few days of one device: readings in order, late, twice and contradicting; corrections; money.
    private mutating func tell(of device: String, in script: Int) {
        var at = start + Int64(random.below(600)) * 1000
        var value = Int64(random.below(5_000_000))
        var lines: [SimulatedLine] = []
        for _ in 0..<8 + random.below(18) {
            lines.append(reading(device, at, value))
            switch random.below(12) {
            case 0: lines.append(reading(device, at, value))
            case 1: lines.append(reading(device, at, value + Int64(random.below(2000))))
            case 2: scripts[0].append(payment(device, at: at))
            case 3: lines.append(ruling(device, at, value))
            case 4 where lines.count > 3: lines.swapAt(lines.count - 1, lines.count - 2 - random.below(2))
            case 5: lines.append(reading(device, at + 1000, max(0, value - Int64(random.below(3000)))))
            default: break
            }
            at += [900_000, 900_000, 3_600_000, 14_400_000][random.below(4)] + Int64(random.below(9)) * 1000
            value += Int64(random.below(7000))
        }
        scripts[0].append(payment(device, at: at))
        end = max(end, at)
        scripts[script] += lines
        // A second gateway hears the same meter.
        if scripts.count > 1, random.below(3) == 0 {
            scripts[(script + 1) % scripts.count] += lines.filter { if case .reading = $0.fact { true } else { false } }
        }
    }

    private func reading(_ device: String, _ at: Int64, _ value: Int64) -> SimulatedLine {
        SimulatedFleet.line(
            "{\"device\":\"\(device)\",\"register\":\"\(SimulatedFleet.register)\",\"readAt\":\"\(time(at))\","
                + "\"value\":\(value),\"unit\":\"Wh\"}"
        )
    }

    private mutating func ruling(_ device: String, _ at: Int64, _ value: Int64) -> SimulatedLine {
        let place = "\"device\":\"\(device)\",\"register\":\"\(SimulatedFleet.register)\",\"readAt\":\"\(time(at))\""
        return SimulatedFleet.line(
            random.below(2) == 0
                ? "{\"event\":\"ReadingVoided\",\(place),\"reason\":\"r\"}"
                : "{\"event\":\"ReadingCorrected\",\(place),\"value\":\(value + 3),\"unit\":\"Wh\",\"reason\":\"r\"}"
        )
    }

    private mutating func payment(_ device: String, at: Int64) -> SimulatedLine {
        references += 1
        let amount = "\(1 + random.below(12)).\(random.below(10))5"
        return SimulatedFleet.line(
            "{\"event\":\"TopUpReceived\",\"device\":\"\(device)\",\"amount\":\"\(amount)\",\"currency\":\"EUR\","
                + "\"provider\":\"p\",\"reference\":\"r\(references)\",\"at\":\"\(time(at))\"}"
        )
    }

    private mutating func addNonsense(to script: Int) {
        let nonsense = ["{\"device\":\"D1\",\"value\":true}", "what?", "{\"event\":\"NoSuchEvent\"}", "{\"device\":"]
        for _ in 0..<1 + random.below(4) {
            let place = random.below(scripts[script].count + 1)
            scripts[script].insert(SimulatedLine(text: nonsense[random.below(nonsense.count)], fact: nil), at: place)
        }
    }

    private func time(_ milliseconds: Int64) -> String { Instant(milliseconds: milliseconds).rfc3339 }

    private static func line(_ text: String) -> SimulatedLine { SimulatedLine(text: text, fact: fact(of: text)) }

    /// What a line says, decoded by itself.
    private static func fact(of text: String) -> Fact? {
        var decoder = NDJSONDecoder()
        var decoded = DecodedBatch()
        var names = TelegramNames()
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { decoder.decode($0, isLast: true, names: &names, into: &decoded) }
        if let draft = decoded.readings.first {
            precondition(draft.fractionDigits == 0 || draft.coefficient == 0, "watt hours are whole here")
            return .reading(device: names.devices[draft.device], at: draft.at, value: draft.coefficient * 1000)
        }
        return decoded.events.first.map { .event($0.event) }
    }
}
