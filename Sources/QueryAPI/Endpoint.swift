internal import Access
internal import Hummingbird

/// A route as it is registered, documented and tested: one value of the one table of routes.
struct Endpoint: Sendable {
    /// Who may ask.
    enum Admission: Sendable {
        /// Everybody, without a token.
        case everybody
        /// Who has one of these rights.
        case anyOf([Right])
    }

    /// In whose words errors are told.
    enum ErrorShape: Sendable {
        case problem, influxV1, influxV2
    }

    /// A parameter of the query string.
    struct Parameter: Sendable {
        var name: String
        var text: String
        var schema: JSONText = .object([("type", "string")])
    }

    /// What it answers if all is well.
    struct Success: Sendable {
        var status = 200
        var text: String
        /// Media types with their schemas.
        var content: [(mediaType: String, schema: JSONText)] = []
    }

    /// What it takes as a body.
    struct Body: Sendable {
        var mediaTypes: [String]
        var text: String
        var schema: JSONText = .object([("type", "string")])
    }

    var method: HTTPRequest.Method
    /// With `{name}` for what varies.
    var path: String
    var summary: String
    var admission: Admission
    var parameters: [Parameter] = []
    /// Whether unknown parameters are passed over.
    var toleratesParameters = false
    var body: Body?
    var success: Success
    /// Kinds of problems besides those that every route may have.
    var problems: [Problem.Kind] = []
    var errorShape = ErrorShape.problem
    var run: @Sendable (Call) async throws -> Response

    /// The names in braces.
    var pathParameters: [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }

    /// Whether a path is one of this route's.
    func matches(path other: String) -> Bool {
        let mine = path.split(separator: "/")
        let others = other.split(separator: "/")
        return mine.count == others.count && zip(mine, others).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}

/// One request that has been let in.
struct Call: Sendable {
    var request: Request
    var principal: Principal
    /// The query string.
    var query: QueryParameters
    /// The parameters by name, where only known ones are taken.
    var parameters: [String: String]
    /// What stands in the path, decoded, by name.
    var path: [String: String]

    func value(_ name: String) -> String? { parameters[name] }
}
