import Crypto
import Foundation
import MeterModel
import RecordLog
import Testing

@testable import TamperEvidence

/// A key, a head and an instant that never change.
enum Sample {
    static let seed = [UInt8](0..<32)
    static let at = Instant(milliseconds: 1_767_225_600_123)

    static func digest(_ byte: UInt8) throws -> Digest32 {
        try #require(Digest32(bytes: [UInt8](repeating: byte, count: 32)))
    }

    static func head(position: UInt64 = 0x0102_0304_0506_0708) throws -> LogHead {
        LogHead(log: try digest(0xA1), position: position, chain: try digest(0xB2))
    }

    static func key() throws -> OperatorKey { try #require(OperatorKey(seed: seed)) }

    static func signed() throws -> HeadDocument { try HeadDocument(head(), at: at, signedBy: key()) }
}

struct HeadDocumentTests {
    @Test func `The signed bytes are those that the page lays out`() throws {
        let bytes = HeadDocument.signedBytes(try Sample.head(), at: Sample.at, key: try Sample.key().publicKey)
        let golden =
            "6d65746572666f6c64206c6f672068656164" + "00" + "01" + String(repeating: "a1", count: 32)
            + "0807060504030201" + String(repeating: "b2", count: 32) + "7ba8da769b010000"
            + "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
        #expect(HexText.text(bytes) == golden)
        #expect(bytes.count == 132)
    }

    /// The signature is the one that Ed25519 has for these bytes: computed by another implementation.
    @Test func `The document is the one that the page shows`() throws {
        let text = try Sample.signed().json()
        #expect(text.contains(#""position": 72623859790382856,"#))
        #expect(text.contains(#""at": "2026-01-01T00:00:00.123Z","#))
        #expect(text.contains(#""key": "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8","#))
        let goldenSignature =
            "1005c7488080a51687da612b6b1c2882f1f31650598c7fb7a42598d543aae470"
            + "c9d98125b186360e3ee5ba43c7d24c580f0a901ac8e51b3f7e90428a865f5704"
        #expect(text.contains(#""signature": "\#(goldenSignature)""#), "\(text)")
    }

    @Test func `What is written is read back`() throws {
        for document in [try Sample.signed(), HeadDocument(try Sample.head(position: .max), at: Sample.at)] {
            #expect(try HeadDocument(text: document.json(), place: "x") == document)
            #expect(try HeadDocument(text: "{\"head\": \(document.json(indent: 4))}", place: "x") == document)
        }
    }

    @Test func `A changed character of a signed document is never taken for it`() throws {
        let document = try Sample.signed()
        let text = Array(document.json().utf8)
        var refused = 0
        for i in text.indices {
            for change in [text[i] ^ 1, text[i] ^ 2, UInt8(ascii: "7")] where change != text[i] {
                var bytes = text
                bytes[i] = change
                let read = try? HeadDocument(text: String(decoding: bytes, as: UTF8.self), place: "x")
                if read == nil { refused += 1 }
                // What only looks different says the same: a time with another separator.
                if let read {
                    #expect(read == document || read.key == nil, "\(i): \(String(decoding: bytes, as: UTF8.self))")
                }
            }
        }
        #expect(refused > text.count, "\(refused) of \(text.count)")
    }

    @Test func `Each field is under the signature`() throws {
        let document = try Sample.signed()
        let changes = [
            (#""log": "a1"#, #""log": "a2"#), (#""position": 7"#, #""position": 8"#),
            (#""chain": "b2"#, #""chain": "b3"#),
            (".123Z", ".124Z"), (#""key": "03"#, #""key": "04"#), (#""signature": ""#, #""signature": "00"#),
        ]
        for (old, new) in changes {
            var text = document.json()
            #expect(text.contains(old))
            text = text.replacing(old, with: new)
            #expect(throws: EvidenceFault.self, "\(new)") { try HeadDocument(text: text, place: "x") }
        }
    }

    @Test(arguments: [
        "", "{}", "[]", "nonsense", #"{"format": "meterfold-log-head"}"#, #"{"format": "other", "version": 1}"#,
        #"{"format": "meterfold-log-head", "version": 1, "log": "00"}"#,
    ])
    func `What is no head is refused`(_ text: String) {
        let fault = #expect(throws: EvidenceFault.self) { try HeadDocument(text: text, place: "here.json") }
        #expect(fault?.place == "here.json")
        #expect(fault?.hint.isEmpty == false)
    }

    @Test func `A head of a later version is said to be one`() throws {
        let text = try Sample.signed().json().replacing(#""version": 1"#, with: #""version": 2"#)
        let fault = #expect(throws: EvidenceFault.self) { try HeadDocument(text: text, place: "x") }
        #expect(fault?.cause.contains("version 2") == true)
    }

    @Test func `A signature by nobody or by another is not the one asked for`() throws {
        let key = try Sample.key().publicKey
        let other = try #require(OperatorKey(seed: [UInt8](1...32))).publicKey
        try Sample.signed().requireSignature(by: key, place: "x")
        let unsigned = HeadDocument(try Sample.head(), at: Sample.at)
        #expect(throws: EvidenceFault.self) { try unsigned.requireSignature(by: key, place: "x") }
        let fault = #expect(throws: EvidenceFault.self) {
            try Sample.signed().requireSignature(by: other, place: "x")
        }
        #expect(fault?.cause.contains(key.description) == true)
    }
}

struct OperatorKeyTests {
    @Test func `A key is made once, and read back`() throws {
        let disk = SimulatedFileSystem()
        let made = try OperatorKey.make(path: "data/key", fileSystem: disk)
        #expect(try OperatorKey.read(path: "data/key", fileSystem: disk).publicKey == made.publicKey)
        #expect(try OperatorPublicKey.read(path: "data/key.pub", fileSystem: disk) == made.publicKey)
        let before = disk.content(of: "data/key")
        let error = #expect(throws: RecordLogError.self) { try OperatorKey.make(path: "data/key", fileSystem: disk) }
        #expect(error?.code == .exists)
        #expect(disk.content(of: "data/key") == before)
        // Not even where only the public half is left.
        try disk.remove("data/key")
        #expect(throws: RecordLogError.self) { try OperatorKey.make(path: "data/key", fileSystem: disk) }
        #expect(disk.content(of: "data/key") == nil)
    }

    @Test func `Half a pair of keys is not left behind`() throws {
        let rehearsal = SimulatedFileSystem()
        _ = try OperatorKey.make(path: "data/key", fileSystem: rehearsal)
        for number in 0..<rehearsal.operationCount {
            let disk = SimulatedFileSystem()
            disk.inject(.inputOutputError, atOperation: number)
            #expect(throws: RecordLogError.self) { try OperatorKey.make(path: "data/key", fileSystem: disk) }
            #expect(try disk.names(inDirectory: "data").isEmpty, "operation \(number)")
        }
    }

    @Test func `Keys are the PEM files of other tools`() throws {
        let disk = SimulatedFileSystem()
        // openssl genpkey -algorithm ed25519; openssl pkey -pubout
        let pem =
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
            + "-----END PRIVATE KEY-----\n"
        disk.setContent(Array(pem.utf8), of: "data/key")
        let key = try OperatorKey.read(path: "data/key", fileSystem: disk)
        #expect(try key.publicKey == Sample.key().publicKey)
        #expect(
            key.publicKey.pem == "-----BEGIN PUBLIC KEY-----\n"
                + "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\n-----END PUBLIC KEY-----\n"
        )
    }

    @Test func `A private key where the public one is meant is told apart`() throws {
        let disk = SimulatedFileSystem()
        _ = try OperatorKey.make(path: "data/key", fileSystem: disk)
        let fault = #expect(throws: EvidenceFault.self) {
            try OperatorPublicKey.read(path: "data/key", fileSystem: disk)
        }
        #expect(fault?.cause.contains("private") == true)
        #expect(fault?.hint.contains("data/key.pub") == true)
        #expect(throws: EvidenceFault.self) { try OperatorKey.read(path: "data/key.pub", fileSystem: disk) }
        disk.setContent(Array("nonsense".utf8), of: "data/other")
        #expect(throws: EvidenceFault.self) { try OperatorKey.read(path: "data/other", fileSystem: disk) }
        #expect(throws: EvidenceFault.self) { try OperatorPublicKey.read(path: "data/other", fileSystem: disk) }
    }
}
