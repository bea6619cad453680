import Glibc

/// An IPv4 or IPv6 address, and whether it is one of the public Internet.
struct NetworkAddress: Hashable, Sendable {
    /// 4 or 16, as on the wire.
    let bytes: [UInt8]

    /// Nil where the text is no address, dotted or with colons, without brackets and scope. Short forms of IPv4 such as
    /// `127.1` are none.
    init?(_ text: String) {
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: &four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            bytes = withUnsafeBytes(of: &six) { Array($0) }
        } else {
            return nil
        }
    }

    private init(_ bytes: ArraySlice<UInt8>) { self.bytes = Array(bytes) }

    var isLoopback: Bool {
        if let inner = embedded { return inner.isLoopback }
        return bytes.count == 4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
    }

    /// Whether it may be reached by anybody: none of the blocks that IANA sets aside for private, local, documentary,
    /// multicast or future use. Metadata services of clouds (169.254.169.254, fd00:ec2::254) are among these.
    var isPublic: Bool {
        if let inner = embedded { return inner.isPublic }
        let blocks = bytes.count == 4 ? Self.setAsideFour : Self.setAsideSix
        return !blocks.contains { contains($0.prefix, $0.bits) }
    }

    /// The IPv4 address that an IPv6 address leads to: mapped, compatible, of NAT64 or of 6to4.
    private var embedded: NetworkAddress? {
        guard bytes.count == 16 else { return nil }
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        let isTranslated = bytes[..<4].elementsEqual([0, 0x64, 0xFF, 0x9B]) && bytes[4..<12].allSatisfy { $0 == 0 }
        if isMapped || isTranslated { return NetworkAddress(bytes[12...]) }
        if bytes[0] == 0x20, bytes[1] == 0x02 { return NetworkAddress(bytes[2..<6]) }
        return nil
    }

    private func contains(_ prefix: [UInt8], _ bits: Int) -> Bool {
        (0..<bits).allSatisfy { bit in
            let mask: UInt8 = 0x80 >> UInt8(bit % 8)
            let wanted = bit / 8 < prefix.count ? prefix[bit / 8] : 0
            return bytes[bit / 8] & mask == wanted & mask
        }
    }

    private static let setAsideFour: [(prefix: [UInt8], bits: Int)] = [
        ([0], 8), ([10], 8), ([100, 64], 10), ([127], 8), ([169, 254], 16), ([172, 16], 12), ([192, 0, 0], 24),
        ([192, 0, 2], 24), ([192, 88, 99], 24), ([192, 168], 16), ([198, 18], 15), ([198, 51, 100], 24),
        ([203, 0, 113], 24), ([224], 4), ([240], 4),
    ]

    private static let setAsideSix: [(prefix: [UInt8], bits: Int)] = [
        // Unspecified, loopback and all that is compatible with IPv4.
        ([0], 96),
        ([0, 0x64, 0xFF, 0x9B, 0, 1], 48), ([1], 64), ([0x20, 0x01], 23), ([0x20, 0x01, 0x0D, 0xB8], 32),
        ([0x3F, 0xFF], 20), ([0x5F], 16), ([0xFC], 7), ([0xFE, 0x80], 10), ([0xFE, 0xC0], 10), ([0xFF], 8),
    ]
}
