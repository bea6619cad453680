internal import Access
internal import Hummingbird

extension Routes {
    /// The route of the document itself.
    func openAPIEndpoint(_ documented: [Endpoint]) -> Endpoint {
        var endpoint = Endpoint(
            method: .get,
            path: "/v1/openapi.json",
            summary: "This document",
            admission: .everybody,
            success: Endpoint.Success(text: "OpenAPI 3.1.", content: [(MediaTypes.json, .object([]))]),
            run: { _ in throw Problem(.failed, "the document is not written yet") }
        )
        let bytes = OpenAPI.document(documented + [endpoint]).bytes
        endpoint.run = { _ in Response(mediaType: MediaTypes.json, bytes: bytes) }
        return endpoint
    }
}

/// The description of the routes for programs (OpenAPI 3.1), from the table that registers them.
enum OpenAPI {
    static func document(_ endpoints: [Endpoint]) -> JSONText {
        var paths: [String] = []
        for endpoint in endpoints where !paths.contains(endpoint.path) { paths.append(endpoint.path) }
        let items = paths.map { path in
            let operations = endpoints.filter { $0.path == path }.map { endpoint in
                (endpoint.method.rawValue.lowercased(), operation(endpoint))
            }
            return (path, JSONText.object(operations))
        }
        return .object([
            ("openapi", "3.1.0"),
            (
                "info",
                .object([
                    ("title", "meterfold"), ("version", "1"),
                    ("summary", "Consumption, balances and arrears; readings, payments and a live feed"),
                ])
            ),
            ("paths", .object(items)),
            ("components", components),
        ])
    }

    private static func operation(_ endpoint: Endpoint) -> JSONText {
        var members: [(String, JSONText)] = [("summary", .string(endpoint.summary))]
        let inPath = endpoint.pathParameters.map { name in
            JSONText.object([
                ("name", .string(name)), ("in", "path"), ("required", true), ("schema", .object([("type", "string")])),
            ])
        }
        let inQuery = endpoint.parameters.map { parameter in
            JSONText.object([
                ("name", .string(parameter.name)), ("in", "query"), ("description", .string(parameter.text)),
                ("schema", parameter.schema),
            ])
        }
        members.append(("parameters", .array(inPath + inQuery)))
        if let body = endpoint.body {
            let content = body.mediaTypes.map { ($0, JSONText.object([("schema", body.schema)])) }
            members.append(
                ("requestBody", .object([("description", .string(body.text)), ("content", .object(content))]))
            )
        }
        members.append(("responses", .object(responses(endpoint))))
        if case .anyOf(let rights) = endpoint.admission {
            let scopes = JSONText.array(rights.map { .string($0.rawValue) })
            members.append(("security", .array([.object([("token", scopes)])])))
        } else {
            members.append(("security", .array([])))
        }
        return .object(members)
    }

    private static func responses(_ endpoint: Endpoint) -> [(String, JSONText)] {
        let content = endpoint.success.content.map { ($0.mediaType, JSONText.object([("schema", $0.schema)])) }
        var success: [(String, JSONText)] = [("description", .string(endpoint.success.text))]
        if !content.isEmpty { success.append(("content", .object(content))) }
        var kinds = endpoint.problems
        if case .anyOf = endpoint.admission { kinds += [.tokenMissing, .tokenRefused, .notAllowed] }
        let byStatus = Dictionary(grouping: kinds, by: \.status).sorted { $0.key < $1.key }
        let schema: JSONText =
            endpoint.errorShape == .problem
            ? .object([("$ref", "#/components/schemas/Problem")]) : .object([("type", "object")])
        let mediaType = endpoint.errorShape == .problem ? Problem.mediaType : MediaTypes.json
        return [(String(endpoint.success.status), .object(success))]
            + byStatus.map { status, kinds in
                let codes = kinds.map { "`\($0.rawValue)`: \($0.title)." }.joined(separator: " ")
                return (
                    String(status),
                    .object([
                        ("description", .string(codes)),
                        ("content", .object([(mediaType, .object([("schema", schema)]))])),
                    ])
                )
            }
    }

    private static let components = JSONText.object([
        (
            "securitySchemes",
            .object([("token", .object([("type", "http"), ("scheme", "bearer")]))])
        ),
        (
            "schemas",
            .object([
                (
                    "Problem",
                    .object([
                        ("type", "object"), ("required", .array(["type", "title", "status", "code", "detail"])),
                        (
                            "properties",
                            .object([
                                ("type", .object([("type", "string"), ("format", "uri")])),
                                ("title", .object([("type", "string")])), ("status", .object([("type", "integer")])),
                                ("code", .object([("type", "string")])), ("detail", .object([("type", "string")])),
                                ("position", .object([("type", "integer")])),
                            ])
                        ),
                    ])
                )
            ])
        ),
    ])
}
