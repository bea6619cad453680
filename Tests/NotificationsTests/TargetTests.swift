import Testing

@testable import Notifications

/// Where messages may go.
struct TargetTests {
    @Test(arguments: [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.168.1.1", "198.19.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
        "fe80::1", "fd00:ec2::254", "fc00::1", "ff02::1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "2001::1",
    ])
    func `Addresses of private and special blocks are not public`(_ text: String) throws {
        let address = try #require(NetworkAddress(text))
        #expect(!address.isPublic)
    }

    @Test(arguments: ["1.1.1.1", "172.32.0.1", "172.15.0.1", "192.167.0.1", "2606:4700::1111", "::ffff:8.8.8.8"])
    func `Others are`(_ text: String) throws { #expect(try #require(NetworkAddress(text)).isPublic) }

    @Test(arguments: ["localhost", "127.1", "2130706433", "0x7f.0.0.1", "", "1.2.3.4.5"])
    func `What is no address in full is a name`(_ text: String) { #expect(NetworkAddress(text) == nil) }

    private func valid(_ url: String, allowPrivate: Bool = false, insecure: Bool = false) -> Bool {
        let channel = ChannelConfiguration(
            name: "shop",
            url: url,
            secrets: [secret],
            allowPrivate: allowPrivate,
            insecure: insecure
        )
        return (try? ChannelConfiguration.validate([channel])) != nil
    }

    @Test func `Clear text and private places must be allowed`() {
        #expect(valid("https://example.org/hook?a=b"))
        #expect(valid("https://[2606:4700::1111]:8443/"))
        #expect(!valid("http://example.org/hook"))
        #expect(valid("http://example.org/hook", insecure: true))
        #expect(!valid("http://127.0.0.1/"))
        #expect(!valid("http://127.0.0.1/", insecure: true))
        #expect(valid("http://127.0.0.1/", allowPrivate: true))
        #expect(valid("http://localhost:8080/", allowPrivate: true))
        #expect(!valid("http://10.0.0.1/", allowPrivate: true))
        #expect(!valid("https://169.254.169.254/latest"))
        #expect(!valid("https://[::1]/"))
    }

    @Test(arguments: [
        "", "example.org", "ftp://example.org/", "https://", "https://me@example.org/", "https://example.org/#part",
        "https://ex%61mple.org/", "https://b\u{FC}cher.example/",
    ])
    func `What is no URL of a receiver is refused`(_ url: String) { #expect(!valid(url)) }

    @Test func `Values out of range and names given twice are refused`() {
        func refused(_ change: (inout ChannelConfiguration) -> Void) -> Bool {
            var channel = channel()
            change(&channel)
            return (try? ChannelConfiguration.validate([channel])) == nil
        }
        #expect(!refused { _ in })
        #expect(refused { $0.name = "" })
        #expect(refused { $0.name = "a,b" })
        #expect(refused { $0.secrets = [] })
        #expect(refused { $0.secrets = ["guess"] })
        #expect(refused { $0.secrets = Array(repeating: secret, count: 5) })
        #expect(refused { $0.concurrency = 0 })
        #expect(refused { $0.timeoutMilliseconds = 60_001 })
        #expect(refused { $0.retryDelays = [-1] })
        #expect((try? ChannelConfiguration.validate([channel("a"), channel("a")])) == nil)
    }
}
