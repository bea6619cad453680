internal import Access
internal import Hummingbird

/// What clients of InfluxDB expect, so that Telegraf and others write here without knowing.
extension Routes {
    /// What is told as InfluxDB's version: clients want one, and write alike to all from 1.8 on.
    static let influxVersion = "1.8.10-meterfold"

    var influxEndpoints: [Endpoint] {
        let noContent = Endpoint.Success(status: 204, text: "All lines are on disk.")
        let body = Endpoint.Body(mediaTypes: MediaTypes.lines, text: "Line protocol, compressed with gzip or not.")
        let problems: [Problem.Kind] = [.badParameter, .badBody, .tooLarge, .busy, .unavailable]
        let results = Endpoint.Success(text: "An empty result.", content: [(MediaTypes.json, .object([]))])
        let ping = Endpoint(
            method: .get,
            path: "/ping",
            summary: "Whether an InfluxDB 1.x answers: something like it does",
            admission: .everybody,
            toleratesParameters: true,
            success: Endpoint.Success(status: 204, text: "It does."),
            run: { _ in Response(status: .noContent, headers: [.influxVersion: Routes.influxVersion]) }
        )
        let health = Endpoint(
            method: .get,
            path: "/health",
            summary: "Whether an InfluxDB 2.x is well: something like it is",
            admission: .everybody,
            toleratesParameters: true,
            success: Endpoint.Success(text: "It is.", content: [(MediaTypes.json, .object([]))]),
            problems: [.unavailable],
            run: { _ in answerHealth() }
        )
        return [
            Endpoint(
                method: .post,
                path: "/write",
                summary: "Take line protocol as InfluxDB 1.x does",
                admission: .anyOf([.ingest]),
                parameters: Routes.influxParameters + [
                    Endpoint.Parameter(name: "db", text: "Passed over."),
                    Endpoint.Parameter(name: "u", text: "Passed over."),
                    Endpoint.Parameter(name: "p", text: "The token, where no header has it."),
                ],
                toleratesParameters: true,
                body: body,
                success: noContent,
                problems: problems,
                errorShape: .influxV1,
                run: answerInfluxWrite
            ),
            Endpoint(
                method: .post,
                path: "/api/v2/write",
                summary: "Take line protocol as InfluxDB 2.x does",
                admission: .anyOf([.ingest]),
                parameters: Routes.influxParameters + [
                    Endpoint.Parameter(name: "org", text: "Passed over."),
                    Endpoint.Parameter(name: "bucket", text: "Passed over."),
                ],
                toleratesParameters: true,
                body: body,
                success: noContent,
                problems: problems,
                errorShape: .influxV2,
                run: answerInfluxWrite
            ),
            influxQuery(.get, results),
            influxQuery(.post, results),
            ping,
            health,
        ]
    }

    private static let influxParameters = [
        Endpoint.Parameter(name: "precision", text: "Of the times: `n`, `ns`, `u`, `µ`, `us`, `ms`, `s`, `m` or `h`."),
        Endpoint.Parameter(name: "profile", text: "The name of a profile that says what tags and fields mean."),
    ]

    private func influxQuery(_ method: HTTPRequest.Method, _ success: Endpoint.Success) -> Endpoint {
        Endpoint(
            method: method,
            path: "/query",
            summary: "Let `CREATE DATABASE` pass, as clients send it before they write",
            admission: .anyOf([.ingest]),
            parameters: [
                Endpoint.Parameter(name: "q", text: "The statement."),
                Endpoint.Parameter(name: "u", text: "Passed over."),
                Endpoint.Parameter(name: "p", text: "The token, where no header has it."),
            ],
            toleratesParameters: true,
            body: method == .post
                ? Endpoint.Body(mediaTypes: ["application/x-www-form-urlencoded"], text: "Or `q` here.") : nil,
            success: success,
            problems: [.badParameter, .badRequest, .tooLarge],
            errorShape: .influxV1,
            run: answerInfluxQuery
        )
    }

    private func answerInfluxWrite(_ call: Call) async throws -> Response {
        var parameters = call.parameters.filter { IntakeRequest.parameterNames.contains($0.key) }
        parameters["format"] = nil
        parameters["precision"] = try Routes.precision(call.value("precision") ?? "ns")
        let isGzip = try MediaTypes.isGzip(call.request, taken: MediaTypes.lines)
        let answer = try await take(
            IntakeRequest(kind: .lineProtocol, parameters: parameters, isGzip: isGzip),
            call
        )
        guard answer.rejected == 0 else {
            // What was accepted stays; the client drops the batch, as it does where InfluxDB says this.
            let first = answer.errors.first.map { "line \($0.line): \($0.text) (\($0.code))" } ?? "lines were refused"
            throw Problem(.badBody, "partial write: \(first) dropped=\(answer.rejected)")
        }
        var headers: HTTPFields = [.influxVersion: Routes.influxVersion]
        answer.durable.put(into: &headers)
        return Response(status: .noContent, headers: headers)
    }

    /// InfluxDB's names of the precisions, as one name each.
    private static func precision(_ text: String) throws -> String {
        switch text {
        case "n", "ns", "": return "ns"
        case "u", "us", "µ", "\u{3BC}": return "us"
        case "ms", "s", "m", "h": return text
        default: throw Problem(.badParameter, "precision takes one of n, ns, u, us, ms, s, m, h")
        }
    }

    private func answerInfluxQuery(_ call: Call) async throws -> Response {
        var statement = call.value("q")
        if statement == nil, call.request.method == .post {
            statement = try QueryParameters(String(decoding: try await smallBody(call), as: UTF8.self)).last("q")
        }
        guard let statement, statement.uppercased().hasPrefix("CREATE DATABASE") else {
            throw Problem(.badParameter, "only CREATE DATABASE is answered here; ask /v1 for what was metered")
        }
        return Response(
            json: .object([("results", .array([.object([("statement_id", 0)])]))]),
            headers: [.influxVersion: Routes.influxVersion]
        )
    }

    private func answerHealth() -> Response {
        let (isReady, reason) = seams.state.readiness()
        return Response(
            status: isReady ? .ok : .serviceUnavailable,
            json: .object([
                ("name", "meterfold"), ("message", .string(isReady ? "ready for writes" : reason)),
                ("status", isReady ? "pass" : "fail"), ("checks", .array([])),
                ("version", .string(Routes.influxVersion)),
            ])
        )
    }
}

extension Problem {
    /// The same in the words of InfluxDB.
    func response(in shape: Endpoint.ErrorShape) -> Response {
        var headers = headers
        switch shape {
        case .problem: return response()
        case .influxV1:
            headers[.influxVersion] = Routes.influxVersion
            headers[.influxError] = status == 401 ? "authorization failed" : code
            let text = status == 401 ? "authorization failed" : detail
            return Response(status: .init(code: status), json: .object([("error", .string(text))]), headers: headers)
        case .influxV2:
            let code =
                switch status {
                case 401: "unauthorized"
                case 403: "forbidden"
                case 404: "not found"
                case 413: "request too large"
                case 500: "internal error"
                case 503: "unavailable"
                default: "invalid"
                }
            return Response(
                status: .init(code: status),
                json: .object([("code", .string(code)), ("message", .string(detail))]),
                headers: headers
            )
        }
    }
}
