import Admission
import ArgumentParser
import EventStorage
import Ingest
import MeterModel

struct TopUpCommand: AsyncParsableCommand {
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

    func run() async throws {
        if let control = ControlClient(location.directory) { return try await control.topUp(words) }
        let engine = try Engine(location.directory, for: .facts(DeviceScope([device])))
        let payment = try TopUpCommand.payment(words, engine.admission.currency(of: device), engine.clock.now())
        let position = try engine.makeIntake(recordedBy: "cli").take(.topUpReceived(payment))
        try engine.commit()
        try engine.close()
        Terminal.print(TopUpCommand.line(position))
    }

    private var words: PaymentWords {
        PaymentWords(
            device: device,
            amount: amount,
            reference: reference,
            provider: provider,
            currency: currency,
            at: at
        )
    }

    /// What is said of a payment that was recorded.
    static func line(_ position: Position) -> String { "recorded at position \(position.rawValue)" }

    /// - Throws: `ValidationError` for words that cannot be understood, `Refusal` for an amount that nobody pays.
    static func payment(_ words: PaymentWords, _ currency: Currency?, _ now: Instant) throws -> Payment {
        do throws(Refusal) { return try words.payment(deviceCurrency: currency, now: now) } catch {
            switch error.code {
            case .nameSyntax, .valueSyntax, .timeSyntax, .currencyMismatch: throw ValidationError(error.text)
            default: throw error
            }
        }
    }
}
