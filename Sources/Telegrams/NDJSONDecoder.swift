package import MeterModel

/// Decodes events as NDJSON (semantics, section 9).
///
/// Plain readings take a path that builds no values; whatever is not that plain is parsed into a tree and read by name.
/// Both give the same for every line that the first accepts.
package struct NDJSONDecoder: TelegramDecoder {
    private var framer = LineFramer()
    private var date = RememberedDate()
    private var devices = PendingDevices()
    /// Off in tests that hold the two paths against each other.
    let usesPlainPath: Bool
    /// Of registrations that say none.
    private let defaultUtility: Utility?

    /// - Parameter defaultUtility: what came with the input for registrations that leave their utility out (semantics,
    ///   section 1).
    package init(defaultUtility: Utility? = nil) {
        self.init(usesPlainPath: true, defaultUtility: defaultUtility)
    }

    init(usesPlainPath: Bool, defaultUtility: Utility? = nil) {
        self.usesPlainPath = usesPlainPath
        self.defaultUtility = defaultUtility
    }

    package var hasEnded: Bool { false }

    package var lineCount: UInt64 { framer.lineCount }

    package mutating func decode(
        _ chunk: UnsafeRawBufferPointer,
        isLast: Bool,
        names: inout TelegramNames,
        into batch: inout DecodedBatch
    ) -> Int {
        var cursor = 0
        guard framer.begin(chunk, &cursor, isLast: isLast) else { return 0 }
        let bytes = UnsafeBufferPointer(
            start: chunk.baseAddress?.assumingMemoryBound(to: UInt8.self),
            count: chunk.count
        )
        guard let base = bytes.baseAddress else { return 0 }
        while let line = framer.next(chunk, &cursor, isLast: isLast, &batch) {
            if !line.isASCII, let fault = UTF8Validation.firstFault(chunk, from: line.start, to: line.end) {
                batch.refuse(.badUTF8(at: fault - line.start), line)
                continue
            }
            if usesPlainPath, PlainReadingScanner.scan(base, chunk.count, line, &date, &devices, &names, &batch) {
                continue
            }
            devices.settle(&names, &batch)
            let text = UnsafeBufferPointer(rebasing: bytes[line.start..<line.end])
            do throws(Refusal) {
                try decodeGenerally(text, line, &names, &batch)
            } catch {
                batch.refuse(error, line)
            }
        }
        devices.settle(&names, &batch)
        return cursor
    }

    /// The general path: one line of any kind.
    private func decodeGenerally(
        _ text: UnsafeBufferPointer<UInt8>,
        _ line: Line,
        _ names: inout TelegramNames,
        _ batch: inout DecodedBatch
    ) throws(Refusal) {
        let fields = JSONFields(try NDJSONDecoder.members(of: text))
        switch fields["event"] {
        case nil, .string("ReadingReceived"):
            batch.readings.append(try ReadingFields.draft(fields, line, &names))
        case .string(let kind):
            let event = try EventFields.event(kind, fields, defaultUtility: defaultUtility)
            batch.events.append(
                DecodedEvent(
                    readingIndex: batch.readings.count,
                    line: line.number,
                    rawOffset: line.start,
                    rawByteCount: line.end - line.start,
                    event: event
                )
            )
        case .some(let other):
            throw Refusal(.unknownEvent, "event must be a string, not \(other.kindName)")
        }
    }

    private static func members(of text: UnsafeBufferPointer<UInt8>) throws(Refusal) -> [JSONMember] {
        let value: JSONValue
        do throws(JSONFault) {
            value = try JSONParser.parse(text)
        } catch {
            throw Refusal(.badJSON, "column \(error.byteOffset + 1): \(error.cause)")
        }
        guard case .object(let members) = value else {
            throw Refusal(.badJSON, "a line must be an object, not \(value.kindName)")
        }
        return members
    }
}
