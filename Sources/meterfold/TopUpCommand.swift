import Admission
import ArgumentParser
import EventStorage
import Ingest
import MeterModel
import Telegrams

struct TopUpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topup",
        abstract: "Records a payment, once per reference.",
        discussion: "The same payment again changes nothing; another one under the same reference is refused."
    )

    @OptionGroup var location: DataOption
    @Argument(help: "The device that is paid for.") var device: String
    @Argument(help: "How much, as a decimal.") var amount: String
    @Option(help: ArgumentHelp("The payment's own number, by which it counts once.", valueName: "text")) var reference:
        String
    @Option(help: ArgumentHelp("Who took the money; each has references of its own.", valueName: "name")) var provider =
        "cash"
    @Option(help: ArgumentHelp("As ISO 4217 has it; by default the device's.", valueName: "code")) var currency: String?
    @Option(help: ArgumentHelp("When it was paid; by default now.", valueName: "instant")) var at: String?

    func run() throws {
        let engine = try Engine(location.directory, for: .facts(DeviceScope([device])))
        let event = MeterEvent.topUpReceived(try payment(engine))
        let intake = engine.makeIntake(recordedBy: "cli")
        let position = try intake.take(event)
        try engine.commit()
        try engine.close()
        Terminal.print("recorded at position \(position.rawValue)")
    }

    private func payment(_ engine: Engine) throws -> Payment {
        guard Name.isValid(device), Name.isValid(reference), Name.isValid(provider) else {
            throw ValidationError("names have 1 to 128 bytes and no control characters")
        }
        guard let decimal = ExactDecimal(amount) else { throw ValidationError("'\(amount)' is no decimal") }
        guard let currency = currency.map({ Currency($0) }) ?? engine.admission.currency(of: device) else {
            throw ValidationError(
                currency == nil
                    ? "\(device) has no currency yet; say --currency" : "'\(currency ?? "")' is no ISO 4217 code"
            )
        }
        try currency.check(payment: decimal)
        let instant: Instant
        if let at {
            guard let read = Instant(text: at) else { throw ValidationError("--at takes an instant, not '\(at)'") }
            instant = read
        } else {
            instant = engine.clock.now()
        }
        return Payment(
            device: device,
            amount: decimal,
            currency: currency,
            provider: provider,
            reference: reference,
            at: instant
        )
    }
}
