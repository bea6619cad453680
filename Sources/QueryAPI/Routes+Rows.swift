internal import Access
internal import Hummingbird
internal import MeterModel
internal import ReadModel

extension Routes {
    private static let views: [(name: String, view: ViewQuery.View, text: String)] = [
        ("consumption", .consumption(by: .day), "Quantities by hour, day or month"),
        ("balance", .balance, "What each device has left"),
        ("ledger", .ledger, "Charges and payments by day, kind and period"),
        ("arrears", .arrears, "Devices whose balance is used up, since when"),
        ("episodes", .episodes, "Each time a balance crossed an alert level"),
        ("pushes", .pushes, "What was or is to be told"),
        ("anomalies", .anomalies, "Readings that do not fit"),
    ]

    var rowEndpoints: [Endpoint] {
        [
            rows("/v1/devices", .devices, "Every device that an event has named"),
            rows("/v1/devices/{device}", .devices, "One device"),
        ]
            + Routes.views.flatMap { name, view, text in
                [
                    rows("/v1/\(name)", view, text),
                    rows("/v1/devices/{device}/\(name)", view, "\(text), of one device"),
                ]
            }
    }

    private func rows(_ path: String, _ view: ViewQuery.View, _ summary: String) -> Endpoint {
        Endpoint(
            method: .get,
            path: path,
            summary: summary,
            admission: .anyOf([.read]),
            parameters: parameters(view, isOfOneDevice: path.contains("{")),
            success: Endpoint.Success(
                text: "A page of rows.",
                content: [
                    (MediaTypes.json, RowSchemas.page(of: view)),
                    (MediaTypes.csv, .object([("type", "string")])),
                ]
            ),
            problems: [.badParameter, .badCursor, .notAcceptable, .notYet, .busy, .unavailable]
                + (path.contains("{") ? [.unknownDevice] : []) + (view == .consumption(by: .day) ? [.hoursAreOff] : []),
            run: { try await answerRows($0, view) }
        )
    }

    private func parameters(_ view: ViewQuery.View, isOfOneDevice: Bool) -> [Endpoint.Parameter] {
        var parameters: [Endpoint.Parameter] = []
        if !isOfOneDevice { parameters.append(Endpoint.Parameter(name: "device", text: "Rows of this device alone.")) }
        if ViewQuery(view).takesSpan {
            parameters.append(Endpoint.Parameter(name: "from", text: "From this local date or instant on."))
            parameters.append(
                Endpoint.Parameter(name: "to", text: "Up to this local date or instant, itself not included.")
            )
        }
        if case .consumption = view {
            let buckets = ViewQuery.Bucket.allCases.map { JSONText.string($0.rawValue) }
            let schema = JSONText.object([("type", "string"), ("enum", .array(buckets)), ("default", "day")])
            parameters.append(Endpoint.Parameter(name: "by", text: "The buckets.", schema: schema))
        }
        return parameters + [
            Endpoint.Parameter(
                name: "limit",
                text: "Rows at most; a page may have fewer though more follow.",
                schema: .object([
                    ("type", "integer"), ("minimum", 1), ("maximum", .integer(Int64(ViewPage.rowCountMaximum))),
                    ("default", .integer(Int64(ViewPage.rowCountDefault))),
                ])
            ),
            Endpoint.Parameter(name: "cursor", text: "Where the page begins: what `next` of the page before said."),
        ] + Routes.freshness(limits)
    }

    /// The parameters by which an answer waits for a position.
    static func freshness(_ limits: HTTPLimits) -> [Endpoint.Parameter] {
        [
            Endpoint.Parameter(
                name: "atLeast",
                text: "Wait until the views have this position.",
                schema: .object([("type", "integer"), ("minimum", 0)])
            ),
            Endpoint.Parameter(
                name: "wait",
                text: "Wait so many seconds at most.",
                schema: .object([
                    ("type", "integer"), ("minimum", 0), ("maximum", .integer(limits.waitSeconds)),
                    ("default", .integer(limits.waitSeconds)),
                ])
            ),
        ]
    }

    private func answerRows(_ call: Call, _ view: ViewQuery.View) async throws -> Response {
        let request = try RowsRequest(call, view, instant: seams.instant)
        let wanted = try await awaitPosition(call)
        let known = call.request.headers[.ifNoneMatch]
        let zones = seams.zones
        let pageByteCount = limits.pageByteCount
        let answer = try await reading { reader in
            try RowsAnswer(reader, request, zones: zones, known: known, pageByteCount: pageByteCount)
        }
        if let wanted, answer.position < wanted { throw notYet(wanted, answer.position) }
        return answer.response(call, isCSV: request.isCSV)
    }

    /// Waits for the position a request asks for.
    ///
    /// - Returns: that position; nil where none is asked for.
    /// - Throws: `Problem`, where it does not come in time.
    func awaitPosition(_ call: Call) async throws -> Position? {
        var seconds = limits.waitSeconds
        if let text = call.value("wait") {
            guard let number = Int64(text), (0...limits.waitSeconds).contains(number) else {
                throw Problem(.badParameter, "wait takes a number of seconds from 0 to \(limits.waitSeconds)")
            }
            seconds = number
        }
        guard let text = call.value("atLeast") else { return nil }
        guard let number = UInt64(text) else { throw Problem(.badParameter, "atLeast takes a position") }
        let wanted = Position(number)
        if seams.freshness.position >= wanted { return wanted }
        let reached = await seams.freshness.wait(for: wanted, within: .seconds(seconds))
        guard reached >= wanted else { throw notYet(wanted, reached) }
        return wanted
    }

    private func notYet(_ wanted: Position, _ reached: Position) -> Problem {
        Problem(
            .notYet,
            "the views have position \(reached.rawValue), not \(wanted.rawValue)",
            members: [reached.member],
            retryAfterSeconds: limits.retryAfterSeconds
        )
    }

    /// Reads the views; what goes wrong there is told without saying where they are.
    func reading<T: Sendable>(_ body: @Sendable @escaping (ViewReader) throws -> T) async throws -> T {
        do {
            return try await seams.views.read(body)
        } catch ViewPoolFault.full {
            throw Problem(.busy, "too many questions at once", retryAfterSeconds: limits.retryAfterSeconds)
        } catch let error as ViewError {
            switch error {
            case .hoursAreOff: throw Problem(.hoursAreOff, "ask by day or month, or turn on views.hours and rebuild")
            case .otherCursor: throw Problem(.badCursor, "a cursor goes only with the query that gave it")
            case .missing, .notViews, .otherSchema, .corrupt, .busy:
                throw Problem(
                    .unavailable,
                    "the views cannot be read now; they may be being rebuilt",
                    retryAfterSeconds: limits.retryAfterSeconds
                )
            case .unknownZone, .tooManyLedgerLines, .failed: throw error
            }
        }
    }
}
