internal import HTTPTypes
internal import Hummingbird

/// An answer that says what is wrong, as RFC 9457 has it.
struct Problem: Error {
    /// What is wrong, in general: the code is part of the contract, the title is for people.
    enum Kind: String, CaseIterable {
        case badParameter = "bad-parameter"
        case badCursor = "bad-cursor"
        case badRequest = "bad-request"
        case badBody = "bad-body"
        case tokenMissing = "token-missing"
        case tokenRefused = "token-refused"
        case notAllowed = "not-allowed"
        case notFound = "not-found"
        case unknownDevice = "unknown-device"
        case methodNotAllowed = "method-not-allowed"
        case notAcceptable = "not-acceptable"
        case hoursAreOff = "hours-are-off"
        case tooLarge = "too-large"
        case queryTooLong = "query-too-long"
        case unsupportedMediaType = "unsupported-media-type"
        case allRefused = "all-refused"
        case headerTooLarge = "header-too-large"
        case failed = "failed"
        case notYet = "not-yet"
        case busy = "busy"
        case unavailable = "unavailable"
        case notOffered = "not-offered"

        var status: Int {
            switch self {
            case .badParameter, .badCursor, .badRequest, .badBody: 400
            case .tokenMissing, .tokenRefused: 401
            case .notAllowed: 403
            case .notFound, .unknownDevice, .notOffered: 404
            case .methodNotAllowed: 405
            case .notAcceptable: 406
            case .hoursAreOff: 409
            case .tooLarge: 413
            case .queryTooLong: 414
            case .unsupportedMediaType: 415
            case .allRefused: 422
            case .headerTooLarge: 431
            case .failed: 500
            case .notYet, .busy, .unavailable: 503
            }
        }

        var title: String {
            switch self {
            case .badParameter: "A parameter is not understood"
            case .badCursor: "The cursor does not go with this query"
            case .badRequest: "The request is no proper HTTP"
            case .badBody: "The body is not understood"
            case .tokenMissing: "A token is needed"
            case .tokenRefused: "The token is not valid"
            case .notAllowed: "The token does not allow this"
            case .notFound: "There is nothing here"
            case .unknownDevice: "There is no such device"
            case .methodNotAllowed: "The method does not go with this path"
            case .notAcceptable: "None of the media types accepted is offered"
            case .hoursAreOff: "The views keep no rows of hours"
            case .tooLarge: "The body is too large"
            case .queryTooLong: "The query string is too long"
            case .unsupportedMediaType: "The body's media type or encoding is not taken"
            case .allRefused: "Every line was refused"
            case .headerTooLarge: "The header is too large"
            case .failed: "Something went wrong on this side"
            case .notYet: "The views are not there yet"
            case .busy: "Too much at once"
            case .unavailable: "Not available now"
            case .notOffered: "This server does not offer that"
            }
        }
    }

    static let mediaType = "application/problem+json"

    var status: Int
    var code: String
    var title: String
    var detail: String
    var members: [(String, JSONText)]
    var headers: HTTPFields = [:]

    init(_ kind: Kind, _ detail: String, members: [(String, JSONText)] = [], retryAfterSeconds: Int? = nil) {
        self.init(
            status: kind.status,
            code: kind.rawValue,
            title: kind.title,
            detail: detail,
            members: members,
            retryAfterSeconds: retryAfterSeconds
        )
    }

    init(
        status: Int,
        code: String,
        title: String,
        detail: String,
        members: [(String, JSONText)] = [],
        retryAfterSeconds: Int? = nil
    ) {
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.members = members
        if let retryAfterSeconds { headers[.retryAfter] = String(retryAfterSeconds) }
        if status == 401 { headers[.wwwAuthenticate] = "Bearer realm=\"meterfold\"" }
    }

    /// What `type` says.
    static func type(of code: String) -> String { "urn:meterfold:problem:\(code)" }

    var body: [UInt8] {
        JSONText.object(
            [
                ("type", .string(Problem.type(of: code))), ("title", .string(title)),
                ("status", .integer(Int64(status))), ("code", .string(code)), ("detail", .string(detail)),
            ] + members
        ).bytes
    }

    func response() -> Response {
        var headers = headers
        headers[.contentType] = Problem.mediaType
        return Response(
            status: .init(code: status),
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body))
        )
    }
}

extension Response {
    /// An answer of so many bytes.
    init(status: HTTPResponse.Status = .ok, mediaType: String, bytes: [UInt8], headers: HTTPFields = [:]) {
        var headers = headers
        headers[.contentType] = mediaType
        self.init(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    init(status: HTTPResponse.Status = .ok, json: JSONText, headers: HTTPFields = [:]) {
        self.init(status: status, mediaType: "application/json", bytes: json.bytes, headers: headers)
    }
}
