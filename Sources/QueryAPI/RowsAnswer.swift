internal import Hummingbird
internal import MeterModel
internal import ReadModel

/// One page of rows, as the views gave it.
struct RowsAnswer: Sendable {
    var position: Position
    var tag: String
    /// Nil where the client has them already.
    var bytes: [UInt8]?
    var next: ViewCursor?

    /// Reads a page from the views.
    ///
    /// - Parameters:
    ///   - reader: the snapshot.
    ///   - request: which page.
    ///   - zones: the rules of the devices' zones.
    ///   - known: the tags of what the client has already.
    ///   - pageByteCount: bytes after which the page ends.
    /// - Throws: `Problem` of an unknown device, and `ViewError`.
    init(
        _ reader: ViewReader,
        _ request: RowsRequest,
        zones: any ZoneSource,
        known: String?,
        pageByteCount: Int
    ) throws {
        let meta = try reader.meta()
        position = meta.checkpoint
        tag = RowsAnswer.tag(meta, request)
        if let device = request.requiredDevice {
            let isCovered = request.page.devices?.matches(device) ?? true
            guard isCovered, try reader.knows(device: device) else {
                throw Problem(.unknownDevice, "no event has named this device", members: [position.member])
            }
        }
        if let known, known.split(separator: ",").contains(where: { $0.filter { $0 != " " } == tag }) { return }
        var bytes: [UInt8] = request.isCSV ? [] : Array("{\"position\": \(position.rawValue), \"rows\": ".utf8)
        let format: RowFormat = request.isCSV ? .csv : .json
        let sink = format.makeSink { bytes.append(contentsOf: $0) }
        next = try reader.run(request.query, page: request.page, zones: zones, into: sink) {
            bytes.count >= pageByteCount
        }
        if !request.isCSV {
            // The array ends its line; the object goes on.
            bytes.removeLast()
            let next = next.map { "\"\($0.text)\"" } ?? "null"
            bytes.append(contentsOf: ", \"next\": \(next)}\n".utf8)
        }
        self.bytes = bytes
    }

    /// Rows of one address change with the position and the zones' rules alone, and with who may see what.
    private static func tag(_ meta: ViewMeta, _ request: RowsRequest) -> String {
        let parts = [meta.chainHead, meta.timeZoneDatabase, request.page.devices?.pattern ?? "", "\(request.isCSV)"]
        let hash = parts.joined(separator: "\n").utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { hash, byte in
            (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        return "\"\(meta.checkpoint.rawValue)-\(String(hash, radix: 36))\""
    }

    /// The answer to a request for `path` with `query`.
    func response(_ call: Call, isCSV: Bool) -> Response {
        var headers: HTTPFields = [.eTag: tag, .vary: "Accept, Authorization"]
        position.put(into: &headers)
        guard let bytes else { return Response(status: .notModified, headers: headers) }
        if let next {
            let others = call.query.pairs.filter { $0.name != "cursor" } + [(name: "cursor", value: next.text)]
            let query = others.map { "\($0.name)=\(QueryParameters.encoded($0.value))" }.joined(separator: "&")
            headers[.link] = "<\(call.request.uri.path)?\(query)>; rel=\"next\""
        }
        let mediaType = isCSV ? "text/csv; charset=utf-8; header=present" : MediaTypes.json
        return Response(mediaType: mediaType, bytes: bytes, headers: headers)
    }
}

extension Position {
    /// As a member of an answer.
    var member: (String, JSONText) { ("position", json) }

    var json: JSONText { .integer(Int64(clamping: rawValue)) }

    /// As a header of an answer.
    func put(into headers: inout HTTPFields) { headers[.meterfoldPosition] = String(rawValue) }
}
