import Foundation

/// Where a channel's URL leads, as far as its text says.
struct ChannelTarget: Hashable, Sendable {
    /// Name or address, without brackets.
    var host: String
    var port: Int
    /// Whether the host is an address already.
    var isAddress: Bool

    /// - Throws: `ChannelFault` where the URL is none, or not one the channel may use.
    init(_ channel: ChannelConfiguration) throws(ChannelFault) {
        // Other spellings would be read in one way by the check and in another by the connection.
        guard channel.url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            let parts = URLComponents(string: channel.url), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme), var host = parts.encodedHost, !host.isEmpty
        else {
            throw ChannelFault(channel.name, "its url is none of a receiver", hint: "https://HOST/PATH")
        }
        guard parts.user == nil, parts.password == nil, parts.fragment == nil else {
            throw ChannelFault(
                channel.name,
                "its URL has a user, a password or a fragment",
                hint: "the signature tells the receiver who sends; leave them out"
            )
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard host.utf8.allSatisfy(Self.isPlain) else {
            throw ChannelFault(channel.name, "'\(host)' is no plain host name", hint: "write it in ASCII, as DNS does")
        }
        let address = NetworkAddress(host)
        let isLoopback = address?.isLoopback ?? (host.lowercased() == "localhost")
        guard scheme == "https" || channel.insecure || (isLoopback && channel.allowPrivate) else {
            throw ChannelFault(
                channel.name,
                "'\(channel.url)' would be sent in clear text",
                hint: "use https, or say 'insecure: true' (of loopback: 'allowPrivate: true')"
            )
        }
        if let address, !channel.allowPrivate, !address.isPublic {
            throw ChannelFault(
                channel.name,
                "\(host) is no public address",
                hint: "say 'allowPrivate: true' if it is meant to be in a private network"
            )
        }
        self.host = host
        port = parts.port ?? (scheme == "https" ? 443 : 80)
        isAddress = address != nil
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch UnicodeScalar(byte) {
        case "a"..."z", "A"..."Z", "0"..."9", "-", "_", ".", ":": true
        default: false
        }
    }
}
