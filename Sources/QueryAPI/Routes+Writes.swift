internal import Access
internal import Hummingbird
internal import MeterModel

extension Routes {
    var writeEndpoints: [Endpoint] {
        [
            write("/v1/readings", .readings, "Take readings in any format", .anyOf([.ingest])),
            // Which events the sender may send is looked at line by line.
            write("/v1/events", .events, "Take events as NDJSON", .anyOf([.admin, .ingest, .topUp])),
        ]
    }

    private func write(
        _ path: String,
        _ kind: IntakeRequest.Kind,
        _ summary: String,
        _ admission: Endpoint.Admission
    ) -> Endpoint {
        Endpoint(
            method: .post,
            path: path,
            summary: summary,
            admission: admission,
            parameters: Routes.intakeParameters,
            body: Endpoint.Body(mediaTypes: MediaTypes.lines, text: "Lines, compressed with gzip or not."),
            success: Endpoint.Success(
                text: "What became of the lines; they are on disk.",
                content: [(MediaTypes.json, Routes.summarySchema)]
            ),
            problems: [.badParameter, .badBody, .tooLarge, .unsupportedMediaType, .allRefused, .busy, .unavailable],
            run: { call in
                let isGzip = try MediaTypes.isGzip(call.request, taken: MediaTypes.lines)
                let request = IntakeRequest(kind: kind, parameters: call.parameters, isGzip: isGzip)
                return try answer(try await take(request, call))
            }
        )
    }

    private static let intakeParameters = [
        Endpoint.Parameter(name: "format", text: "`ndjson`, `line-protocol` or `csv`; otherwise detected."),
        Endpoint.Parameter(name: "precision", text: "Of integer times in line protocol: `ns`, `us`, `ms` or `s`."),
        Endpoint.Parameter(name: "profile", text: "The name of a profile that says how the body is to be read."),
        Endpoint.Parameter(name: "utility", text: "For readings without one."),
        Endpoint.Parameter(name: "unit", text: "For readings without one."),
        Endpoint.Parameter(name: "register", text: "For readings without one."),
        Endpoint.Parameter(name: "device", text: "For an input that names none."),
        Endpoint.Parameter(name: "source", text: "What the input is called where its refused lines are kept."),
    ]

    private static let summarySchema = JSONText.object([
        ("type", "object"),
        (
            "properties",
            .object([
                ("accepted", .object([("type", "integer")])), ("rejected", .object([("type", "integer")])),
                ("duplicates", .object([("type", "integer")])), ("reasons", .object([("type", "object")])),
                ("errors", .object([("type", "array")])),
                ("firstPosition", .object([("type", .array(["integer", "null"]))])),
                ("lastPosition", .object([("type", .array(["integer", "null"]))])),
                ("durable", .object([("type", "integer")])),
            ])
        ),
    ])

    /// Hands a body to the intake.
    ///
    /// - Throws: `Problem`.
    func take(_ request: IntakeRequest, _ call: Call) async throws -> IntakeAnswer {
        guard let intake = seams.intake else { throw Problem(.notOffered, "nothing is taken here") }
        let maximum = limits.writeBodyByteCount
        let tooLarge = Problem(.tooLarge, "a body has at most \(maximum) bytes: send it in parts")
        if let length = call.request.headers[.contentLength].flatMap(Int.init), length > maximum { throw tooLarge }
        guard writing.enter() else {
            throw Problem(.busy, "too many bodies at once", retryAfterSeconds: limits.retryAfterSeconds)
        }
        defer { writing.leave() }
        let bytes = BodyBytes(call.request.body, maximumByteCount: maximum)
        do {
            return try await intake.take(request, body: bytes, by: call.principal)
        } catch {
            switch error {
            case .badParameter(let name, let text): throw Problem(.badParameter, "\(name): \(text)")
            case .undecodable(let code, let text):
                throw Problem(.badBody, text, members: [("reason", .string(code))])
            case .tooLarge: throw tooLarge
            case .busy(let seconds): throw Problem(.busy, "the log is busy", retryAfterSeconds: seconds)
            case .unavailable(let reason):
                throw Problem(.unavailable, reason, retryAfterSeconds: limits.retryAfterSeconds)
            }
        }
    }

    private func answer(_ answer: IntakeAnswer) throws -> Response {
        if answer.accepted == 0, answer.rejected > 0 {
            throw Problem(.allRefused, "see errors, which tells the first of them", members: answer.members)
        }
        var headers: HTTPFields = [:]
        answer.durable.put(into: &headers)
        return Response(json: .object(answer.members), headers: headers)
    }
}

extension IntakeAnswer {
    var members: [(String, JSONText)] {
        var members: [(String, JSONText)] = [
            ("accepted", .integer(Int64(accepted))), ("rejected", .integer(Int64(rejected))),
        ]
        if let duplicates { members.append(("duplicates", .integer(Int64(duplicates)))) }
        let reasons = reasons.sorted { $0.key < $1.key }.map { ($0.key, JSONText.integer(Int64($0.value))) }
        let errors = errors.prefix(IntakeAnswer.refusedLineMaximum).map { error in
            JSONText.object([
                ("line", .integer(Int64(clamping: error.line))), ("code", .string(error.code)),
                ("text", .string(error.text)),
            ])
        }
        return members + [
            ("reasons", .object(reasons)), ("errors", .array(errors)),
            ("firstPosition", firstPosition?.json ?? .null), ("lastPosition", lastPosition?.json ?? .null),
            ("durable", durable.json),
        ]
    }
}
