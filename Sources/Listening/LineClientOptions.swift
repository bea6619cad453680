package import NIOCore

/// The host and port that lines are sent to.
package struct LineClientAddress: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST:PORT`; an IPv6 address stands in brackets.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// The certificates of a connection over TLS: paths of PEM files.
package struct LineClientTLS: Sendable {
    /// Whom to trust; nil: the system's authorities.
    package var authorities: String?
    /// Who we are, where the receiver asks; with `key`.
    package var certificate: String?
    package var key: String?
    /// The name that the receiver's certificate must bear; nil: the host that is connected to. A certificate for the
    /// address that is connected to passes whatever the name; an address in place of a name is not looked at.
    package var serverName: String?

    package init(
        authorities: String? = nil,
        certificate: String? = nil,
        key: String? = nil,
        serverName: String? = nil
    ) {
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
        self.serverName = serverName
    }
}

/// How a client sends, and how long it keeps trying.
package struct LineClientOptions: Sendable {
    package var address: LineClientAddress
    /// Keys of the first line besides `ack`, in the order in which they are written.
    package var keys: [(name: String, value: String)] = []
    /// Whether the receiver acknowledges. Without, nothing is known of what was sent, and a loss loses lines.
    package var isAcknowledged = true
    /// How many of the source's first lines say what the others mean, as a CSV header does: each connection begins
    /// with them.
    package var headLineCount = 0
    package var tls: LineClientTLS?
    /// Bytes that are held at most until they are acknowledged.
    package var windowByteLimit = SendWindow.defaultByteLimit
    /// How long to try again where nothing gets through, from the last time that something did.
    package var retryFor = TimeAmount.seconds(60)
    /// How many attempts in a row may get nothing through; nil: as many as `retryFor` allows.
    package var maximumAttemptCount: Int?
    /// How long one attempt to connect may take.
    package var connectTimeout = TimeAmount.seconds(10)
    /// How long a receiver that owes answers may say nothing before the connection is given up.
    package var patience = TimeAmount.seconds(60)

    package init(address: LineClientAddress) { self.address = address }

    /// The first line of each connection.
    var firstLine: String {
        var fields = ["\"ack\":\(isAcknowledged)"]
        for (name, value) in keys {
            fields.append("\(LineClientOptions.quoted(name)):\(LineClientOptions.quoted(value))")
        }
        return "meterfold/1 {\(fields.joined(separator: ","))}\n"
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
