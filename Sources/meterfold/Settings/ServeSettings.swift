import Foundation
import Logging
import Notifications

/// How `serve` listens, whom it lets in, whom it tells.
struct ServeSettings {
    enum LogFormat: String, CaseIterable { case text, json }

    /// `HOST:PORT`; an IPv6 host in brackets.
    struct Endpoint: Equatable, CustomStringConvertible {
        var host: String
        var port: Int

        init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        init?(_ text: String) {
            guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
                (0...65_535).contains(port)
            else { return nil }
            var host = text[..<colon]
            if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
            guard !host.isEmpty else { return nil }
            self.init(host: String(host), port: port)
        }

        /// Whether nobody but this machine itself can connect to it.
        var isLoopback: Bool { host == "localhost" || host == "::1" || isLoopbackAddress }

        /// A name may begin like an address and lead anywhere.
        private var isLoopbackAddress: Bool {
            let parts = host.split(separator: ".", omittingEmptySubsequences: false)
            return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
        }

        var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    struct TLSFiles: Equatable {
        var certificate: String
        var key: String
        var clientCA: String?
    }

    var tcp = Endpoint(host: "127.0.0.1", port: 4090)
    var http = Endpoint(host: "127.0.0.1", port: 4091)
    var tls: TLSFiles?
    /// Whether senders and readers need a token.
    var requiresTokens = false
    var connectionCount = 16_384
    var connectionCountPerAddress = 1024
    var idleSeconds = 3600
    /// How long a shutdown may take.
    var drainSeconds = 20
    /// Free bytes of the disk below which nothing is taken in.
    var diskReserveByteCount = 1 << 30
    var logFormat = LogFormat.text
    var logLevel = Logger.Level.info
    var channels: [ChannelConfiguration] = []

    private static let keys: [String] = [
        "serve.tcp", "serve.http", "serve.tls.certificate", "serve.tls.key", "serve.tls.clientCA",
        "serve.requireTokens", "serve.connections", "serve.connectionsPerAddress", "serve.idleSeconds",
        "serve.drainSeconds", "serve.diskReserveBytes", "serve.log.format", "serve.log.level",
    ]
    private static let channelPrefix = "push.channels."
    private static let channelKeys: Set<String> = [
        "url", "secrets", "concurrency", "timeoutSeconds", "retrySeconds", "allowPrivate", "insecure",
    ]

    /// Whether a key of the file is one of these.
    static func knows(_ key: String) -> Bool {
        if keys.contains(key) { return true }
        return channel(of: key).map { channelKeys.contains($0.key) } ?? false
    }

    /// The channel that a key is about, and which of its settings.
    private static func channel(of key: String) -> (name: String, key: String)? {
        guard key.hasPrefix(channelPrefix) else { return nil }
        let rest = key.dropFirst(channelPrefix.count)
        guard let dot = rest.lastIndex(of: ".") else { return nil }
        return (String(rest[..<dot]), String(rest[rest.index(after: dot)...]))
    }

    init() {}

    /// - Throws: `Failure` for what cannot be understood.
    init(_ values: SettingValues) throws {
        let hint = "say HOST:PORT, such as 127.0.0.1:4090"
        tcp = try values.word("serve.tcp", [hint]) { Endpoint($0) } ?? tcp
        http = try values.word("serve.http", [hint]) { Endpoint($0) } ?? http
        if let certificate = values.text("serve.tls.certificate") {
            guard let key = values.text("serve.tls.key") else {
                throw Failure(
                    place: values.place(of: "serve.tls.certificate"),
                    cause: "there is a certificate and no key",
                    hint: "set serve.tls.key"
                )
            }
            tls = TLSFiles(certificate: certificate, key: key, clientCA: values.text("serve.tls.clientCA"))
        } else if let key = ["serve.tls.key", "serve.tls.clientCA"].first(where: { values.text($0) != nil }) {
            // Whoever says one of these believes that TLS is spoken.
            throw Failure(
                place: values.place(of: key),
                cause: "\(key) is set and there is no certificate",
                hint: "set serve.tls.certificate"
            )
        }
        let isLoopback = tcp.isLoopback && http.isLoopback
        requiresTokens = try values.flag("serve.requireTokens") ?? !isLoopback
        connectionCount = try values.number("serve.connections", 1...1_000_000) ?? connectionCount
        connectionCountPerAddress =
            try values.number("serve.connectionsPerAddress", 1...1_000_000) ?? connectionCountPerAddress
        idleSeconds = try values.number("serve.idleSeconds", 1...604_800) ?? idleSeconds
        drainSeconds = try values.number("serve.drainSeconds", 1...600) ?? drainSeconds
        diskReserveByteCount = try values.number("serve.diskReserveBytes", 0...1 << 50) ?? diskReserveByteCount
        logFormat =
            try values.word("serve.log.format", LogFormat.allCases.map(\.rawValue)) { LogFormat(rawValue: $0) }
            ?? logFormat
        logLevel =
            try values.word("serve.log.level", Logger.Level.allCases.map(\.rawValue)) { Logger.Level(rawValue: $0) }
            ?? logLevel
        channels = try ServeSettings.channels(values)
        try check(values)
    }

    /// Off loopback nobody is served in clear text or unknown.
    private func check(_ values: SettingValues) throws {
        for (key, endpoint) in [("serve.tcp", tcp), ("serve.http", http)] where !endpoint.isLoopback {
            guard tls != nil else {
                throw Failure(
                    place: values.place(of: key),
                    cause: "\(key) is \(endpoint), which others can reach, and there is no TLS",
                    hint: "set serve.tls.certificate and serve.tls.key, or stay on 127.0.0.1"
                )
            }
            guard requiresTokens else {
                throw Failure(
                    place: values.place(of: "serve.requireTokens"),
                    cause: "\(key) is \(endpoint), which others can reach, and tokens are off",
                    hint: "leave serve.requireTokens on, and make tokens with 'meterfold token create'"
                )
            }
        }
    }

    private static func channels(_ values: SettingValues) throws -> [ChannelConfiguration] {
        var names: [String] = []
        for key in values.file.keys {
            if let name = channel(of: key)?.name, !names.contains(name) { names.append(name) }
        }
        let channels = try names.map { name in
            func key(_ last: String) -> String { "\(channelPrefix)\(name).\(last)" }
            var channel = ChannelConfiguration(
                name: name,
                url: values.text(key("url")) ?? "",
                secrets: (values.text(key("secrets")) ?? "").split(separator: ",").map(String.init)
            )
            channel.concurrency = try values.number(key("concurrency"), 1...64) ?? channel.concurrency
            if let seconds = try values.number(key("timeoutSeconds"), 1...60) {
                channel.timeoutMilliseconds = Int64(seconds) * 1000
            }
            if let delays = values.text(key("retrySeconds")) {
                channel.retryDelays = try delays.split(separator: ",").map { text in
                    guard let seconds = Int64(text.filter { $0 != " " }), (0...604_800).contains(seconds) else {
                        throw values.fault(key("retrySeconds"), hint: "say a list of seconds, such as [5, 300, 1800]")
                    }
                    return seconds * 1000
                }
            }
            channel.allowPrivate = try values.flag(key("allowPrivate")) ?? channel.allowPrivate
            channel.insecure = try values.flag(key("insecure")) ?? channel.insecure
            return channel
        }
        do throws(ChannelFault) { try ChannelConfiguration.validate(channels) } catch {
            throw Failure(
                place: "\(values.file.path), push.channels.\(error.place)",
                cause: error.cause,
                hint: error.hint
            )
        }
        return channels
    }

    /// The settings in force, a line each, with nothing secret in them.
    var lines: [String] {
        var tlsText = "off"
        if let tls {
            tlsText = "\(tls.certificate), key \(tls.key)"
            if let clientCA = tls.clientCA { tlsText += ", clients by \(clientCA)" }
        }
        let values: [(String, String)] = [
            ("tcp", tcp.description), ("http", http.description), ("tls", tlsText),
            ("requireTokens", requiresTokens ? "on" : "off"), ("connections", String(connectionCount)),
            ("connectionsPerAddress", String(connectionCountPerAddress)), ("idleSeconds", String(idleSeconds)),
            ("drainSeconds", String(drainSeconds)), ("diskReserveBytes", String(diskReserveByteCount)),
            ("log.format", logFormat.rawValue), ("log.level", logLevel.rawValue),
        ]
        var lines = values.map { "serve.\($0.0): \($0.1)" }
        for channel in channels {
            lines.append(
                "push.channels.\(channel.name): \(ServeSettings.redacted(channel.url)), "
                    + "\(channel.secrets.count) secrets (not shown), \(channel.concurrency) at a time"
            )
        }
        return lines
    }

    /// An address without what may be a secret in it: user, query and fragment.
    private static func redacted(_ url: String) -> String {
        guard let scheme = url.range(of: "://") else { return "<redacted>" }
        let rest = url[scheme.upperBound...].prefix { $0 != "?" && $0 != "#" }
        let host = rest.prefix { $0 != "/" }
        let bare = host.split(separator: "@").last.map(String.init) ?? ""
        return url[..<scheme.upperBound] + bare + rest[host.endIndex...]
    }
}
