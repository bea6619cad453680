import Foundation
import MeterModel
import SharedFiles
import Testing

@testable import Notifications

/// What receivers verify, and what they are told.
struct SigningTests {
    private struct Vector: Decodable {
        var secret: String
        var id: String
        var timestamp: Int64
        var body: String
        var signature: String
    }

    /// The one that the libraries of Standard Webhooks are tested with.
    @Test func `The published vector is met`() throws {
        let signer = try #require(WebhookSigner(secrets: [secret]))
        let signature = signer.signature(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: 1_614_265_330,
            body: Array(#"{"test": 2432232314}"#.utf8)
        )
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test(.enabled(if: SharedFolder.isThere)) func `So are those of the shared file`() throws {
        struct File: Decodable { var standard_webhooks: Vector }
        let bytes = try SharedFolder.bytes("provider-vectors.json")
        let vector = try JSONDecoder().decode(File.self, from: Data(bytes)).standard_webhooks
        let signer = try #require(WebhookSigner(secrets: [vector.secret]))
        let body = Array(vector.body.utf8)
        #expect(signer.signature(id: vector.id, timestamp: vector.timestamp, body: body) == vector.signature)
    }

    @Test func `Each secret signs, in order`() throws {
        let other = "whsec_" + Data(repeating: 7, count: 32).base64EncodedString()
        let both = try #require(WebhookSigner(secrets: [secret, other]))
        let first = try #require(WebhookSigner(secrets: [secret]))
        let second = try #require(WebhookSigner(secrets: [other]))
        let signature = { (signer: WebhookSigner) in signer.signature(id: "a", timestamp: 1, body: [1]) }
        #expect(signature(both) == signature(first) + " " + signature(second))
    }

    @Test(arguments: ["", "whsec_", "whsec_%%%", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    func `What is no secret signs nothing`(_ text: String) { #expect(WebhookSigner(secrets: [text]) == nil) }

    @Test func `The body says what the job says`() throws {
        let message = PushMessage(job(7))
        let text = String(decoding: message.body, as: UTF8.self)
        #expect(
            text == #"{"type":"balance.crossed","timestamp":"2027-01-15T08:00:00Z","data":{"job":"E-7/zero/1/crossed","#
                + #""device":"E-7","rule":"zero","episode":1,"kind":"crossed","crossedAt":"2027-01-15T08:00:00Z","#
                + #""balanceBefore":"0.5","balanceAfter":"-0.25","currency":"EUR","position":7,"#
                + #""requestedAt":"2027-01-15T08:00:00Z"}}"#
        )
        #expect(message.id == "E-7/zero/1/crossed")
    }

    @Test func `Names of any kind make a header and JSON`() throws {
        var strange = job(1, kind: "reminder-2")
        strange.device = "Zähler \"1.2\"\\"
        strange.job = strange.device + "/zero/1/reminder-2"
        let message = PushMessage(strange)
        #expect(message.id == "Z%C3%A4hler%20%221%2E2%22%5C/zero/1/reminder-2")
        struct Body: Decodable {
            struct Data: Decodable { var device: String }
            var type: String
            var data: Data
        }
        let body = try JSONDecoder().decode(Body.self, from: Data(message.body))
        #expect(body.type == "balance.reminder")
        #expect(body.data.device == strange.device)
    }
}

/// The header by which a receiver asks for rest.
struct RetryAfterTests {
    @Test func `Seconds and dates are read`() {
        #expect(RetryAfter.milliseconds("120", now: start) == 120_000)
        #expect(RetryAfter.milliseconds("0", now: start) == 0)
        #expect(RetryAfter.milliseconds("Fri, 15 Jan 2027 08:00:30 GMT", now: start) == 30_000)
        #expect(RetryAfter.milliseconds("Sun, 06 Nov 1994 08:49:37 GMT", now: start) == 0)
        #expect(RetryAfter.milliseconds("Tue, 29 Feb 2028 00:00:00 GMT", now: start) == 35_395_200_000)
        #expect(RetryAfter.milliseconds("99999999999999999999999", now: start) == 1_000_000_000_000)
    }

    @Test(arguments: ["", "-1", "soon", "1.5", "Fri, 15 Foo 2027 08:00:30 GMT", "Fri, 15 Jan 2027 08:00 GMT"])
    func `Anything else is passed over`(_ value: String) {
        #expect(RetryAfter.milliseconds(value, now: start) == nil)
    }
}
