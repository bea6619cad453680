import Access
import ArgumentParser
import MeterModel
import Telegrams

/// Bearer tokens of the data directory. All of it works beside a running server, which notices within a second or so.
struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Tokens that let other programs in over TCP and HTTP.",
        subcommands: [CreateCommand.self, ListCommand.self, RevokeCommand.self]
    )

    struct CreateCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Makes a token and prints it, once.",
            discussion: "Only a hash of it is kept: what is printed now can never be shown again."
        )

        @OptionGroup var location: DataOption
        @Option(
            help: ArgumentHelp("What it allows: read, ingest, top-up, admin; several with commas.", valueName: "rights")
        ) var can: [String] = []
        @Option(help: ArgumentHelp("The devices it is about, * and ? as in file names; else all.", valueName: "glob"))
        var devices: String?
        @Option(help: ArgumentHelp("An instant, or from now a span like 90d; else never.", valueName: "when"))
        var expires: String?
        @Option(help: ArgumentHelp("What it is for, in your words.", valueName: "text")) var note: String?

        func validate() throws {
            _ = try rights()
            if let devices, NameGlob(devices) == nil {
                throw ValidationError("--devices takes a pattern of names, not '\(devices)'")
            }
            if let expires, Instant(text: expires) == nil, Milliseconds.count(of: expires) == nil {
                throw ValidationError("--expires takes an instant or a span like 90d, not '\(expires)'")
            }
        }

        func run() throws {
            let rights = try rights()
            let made = try onTokens(of: location) {
                try $0.create(
                    rights: rights,
                    devices: devices.flatMap { NameGlob($0) },
                    expiresAt: expires.flatMap { expiry($0) },
                    note: note
                )
            }
            Terminal.print(made.text)
            Terminal.error("meterfold: made token \(made.token.id); it is shown only now, so keep it")
        }

        private func rights() throws -> Set<Right> {
            let names = can.flatMap { $0.split(separator: ",").map(String.init) }
            let rights = try names.map { name in
                if let right = Right(rawValue: name) { return right }
                let all = Right.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--can takes \(all), not '\(name)'")
            }
            if rights.isEmpty { throw ValidationError("--can says what the token allows: read, ingest, top-up, admin") }
            return Set(rights)
        }

        private func expiry(_ text: String) -> Instant? {
            if let span = Milliseconds.count(of: text) {
                return Instant(milliseconds: SystemClock().now().milliseconds + span)
            }
            return Instant(text: text)
        }
    }

    struct ListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Shows all tokens, never their secrets."
        )

        enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

        @OptionGroup var location: DataOption
        @Option(help: "How they are printed.") var format: Format = .text

        func run() throws {
            let tokens = try onTokens(of: location) { try $0.list() }
            let now = SystemClock().now()
            switch format {
            case .text: printTable(tokens, now)
            case .json:
                Terminal.print("[" + tokens.map { "\n" + json($0, now).text }.joined(separator: ",") + "\n]")
            }
        }

        private func printTable(_ tokens: [StoredToken], _ now: Instant) {
            if tokens.isEmpty { return Terminal.error("meterfold: no tokens") }
            var table = TextTable(["id", "state", "can", "devices", "created", "expires", "note"])
            for token in tokens {
                table.add([
                    token.id, token.standing(at: now).rawValue, names(token).joined(separator: ","),
                    Terminal.harmless(token.devices?.pattern ?? "*"), token.createdAt.rfc3339,
                    token.expiresAt?.rfc3339 ?? "never", Terminal.harmless(token.note ?? ""),
                ])
            }
            Terminal.print(table.text)
        }

        private func json(_ token: StoredToken, _ now: Instant) -> JSONLine {
            var line = JSONLine()
            line.add("id", token.id)
            line.add("state", token.standing(at: now).rawValue)
            line.add("can", raw: "[" + names(token).map(JSONLine.quoted).joined(separator: ", ") + "]")
            line.add("devices", token.devices?.pattern)
            line.add("createdAt", token.createdAt.rfc3339)
            line.add("expiresAt", token.expiresAt?.rfc3339)
            line.add("revokedAt", token.revokedAt?.rfc3339)
            line.add("note", token.note)
            return line
        }

        private func names(_ token: StoredToken) -> [String] {
            Right.allCases.filter(token.rights.contains).map(\.rawValue)
        }
    }

    struct RevokeCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke",
            abstract: "Ends a token for good."
        )

        @OptionGroup var location: DataOption
        @Argument(help: "The token's id.") var id: String

        func run() throws {
            let token = try onTokens(of: location) { try $0.revoke(id) }
            Terminal.print("revoked \(token.id)")
        }
    }
}

/// Works on the tokens of a data directory that is there.
private func onTokens<Result>(of location: DataOption, _ body: (TokenStore) throws -> Result) throws -> Result {
    try location.directory.require()
    return try body(TokenStore(directory: location.directory.path, clock: SystemClock()))
}
