import Access
import Admission
import ArgumentParser
import Glibc
import Ingest
import MeterModel
import NIOCore
import Projections
import QueryAPI
import ReadModel

/// Runs the commands that another process of this machine hands over through `DIR/control.sock`.
struct LiveControl: ControlHandling {
    let core: LiveCore
    let onViewsReplaced: @Sendable () -> Void

    /// Who records what comes this way, as the log says.
    static let principal = Principal.operatorAtHand

    func run(_ command: String, arguments: [String: [String]], body: BodyBytes) async -> ControlAnswer {
        let console = GatheredConsole()
        var exitCode: Int32 = 0
        do {
            switch command {
            case "topup": try await topUp(arguments, console)
            case "apply": try await apply(arguments, body, console)
            case "ingest":
                try refuseWhileHeld()
                exitCode = try await LiveIngest(core: core).run(arguments, body, console)
            case "push-drain": try await drain(console)
            case "rebuild": exitCode = try await LiveRebuild(core, onViewsReplaced).run(console)
            default:
                throw Failure(
                    place: "server",
                    cause: "it knows no command '\(command)'",
                    hint: "the server and this program are of different versions: restart the server"
                )
            }
        } catch let error as ApplyWork.NeedsConfirmation {
            exitCode = ControlExit.needsConfirmation
            console.error(Failure(error).description)
        } catch let error as ValidationError {
            exitCode = EX_USAGE
            console.error(error.message)
        } catch {
            exitCode = 1
            console.error(Failure(error)?.description ?? "meterfold: server: \(error)")
        }
        let (out, err) = console.gathered
        return ControlAnswer(exitCode: exitCode, out: out, err: err)
    }

    private func topUp(_ arguments: [String: [String]], _ console: any Console) async throws {
        try refuseWhileHeld()
        var words = PaymentWords(
            device: arguments.one("device") ?? "",
            amount: arguments.one("amount") ?? "",
            reference: arguments.one("reference") ?? ""
        )
        words.provider = arguments.one("provider") ?? words.provider
        words.currency = arguments.one("currency")
        words.at = arguments.one("at")
        let (asked, now) = (words, core.clock.now())
        let payment = try await core.intake.perform { live in
            try TopUpCommand.payment(asked, live.admission.currency(of: asked.device), now)
        }
        let position = try await core.intake.record([.topUpReceived(payment)], by: LiveControl.principal.recordedBy)
        _ = await core.projector.wait(for: position, within: LiveStage.viewsWait)
        console.print(TopUpCommand.line(position))
    }

    private func apply(_ arguments: [String: [String]], _ body: BodyBytes, _ console: GatheredConsole) async throws {
        try refuseWhileHeld()
        var bytes: [UInt8] = []
        for try await piece in body {
            bytes.append(contentsOf: piece.readableBytesView)
            guard bytes.count <= DeclaredFleet.maximumByteCount else {
                throw Failure(place: "apply", cause: "the files are too large", hint: "give them in pieces")
            }
        }
        var files: [(name: String, text: Result<String, FleetFault>)] = []
        var start = 0
        for (name, count) in zip(arguments["file"] ?? [], arguments["bytes"] ?? []) {
            let end = min(bytes.count, start + (Int(count) ?? 0))
            files.append((name, .success(String(decoding: bytes[start..<end], as: UTF8.self))))
            start = end
        }
        var work = ApplyWork(files: files)
        work.isDryRun = arguments["dryRun"] != nil
        work.isConfirmed = arguments["yes"] != nil
        work.format = arguments.one("format").flatMap { ApplyWork.Format(rawValue: $0) } ?? .text
        let (asked, told) = (work, console)
        try await LiveStage.run(core, recordedBy: LiveControl.principal.recordedBy) { stage in
            try asked.run(on: stage, told, asks: nil)
        }
    }

    private func drain(_ console: GatheredConsole) async throws {
        try refuseWhileHeld()
        let core = core
        try await LiveStage.run(core, recordedBy: LiveControl.principal.recordedBy) { stage in
            guard let fold = stage.projector?.fold else { return }
            try PushDrain().run(on: stage, jobs: fold.unsettledJobs(), console)
        }
    }

    private func refuseWhileHeld() throws {
        guard core.intake.isHoldingOff else { return }
        throw Failure(place: "server", cause: "the disk is nearly full: nothing is taken in", hint: "make room")
    }
}

/// Exit codes that only pass between the program and a server.
enum ControlExit {
    /// Somebody must be asked first.
    static let needsConfirmation: Int32 = 75
}

extension [String: [String]] {
    /// The first value that was given for a name.
    func one(_ name: String) -> String? { self[name]?.first }
}

extension LiveCore {
    /// The profile of a name, for senders: shipped ones alone, since a sender's word must not name files.
    var profile: @Sendable (String) throws(ProfileError) -> InputProfile? {
        let zones = zones
        return { name throws(ProfileError) in try Profiles.named(name, zones: zones) }
    }
}
