internal import Access
internal import MeterModel
internal import ReadModel

/// What a request asks of the views, as its parameters say.
struct RowsRequest: Sendable {
    var query: ViewQuery
    var page: ViewPage
    /// The device of the path: there is nothing where it is unknown.
    var requiredDevice: String?
    var isCSV: Bool

    /// - Parameters:
    ///   - call: the request.
    ///   - view: what is asked for; `by` chooses the buckets of consumption.
    ///   - instant: reads instants.
    /// - Throws: `Problem`.
    init(_ call: Call, _ view: ViewQuery.View, instant: (String) -> Instant?) throws {
        isCSV = try MediaTypes.preferred(of: [MediaTypes.json, MediaTypes.csv], by: call.request) == MediaTypes.csv
        requiredDevice = call.path["device"]
        var view = view
        if case .consumption = view, let text = call.value("by") {
            guard let bucket = ViewQuery.Bucket(rawValue: text) else {
                let known = ViewQuery.Bucket.allCases.map(\.rawValue).joined(separator: ", ")
                throw Problem(.badParameter, "by takes one of \(known)")
            }
            view = .consumption(by: bucket)
        }
        query = ViewQuery(
            view,
            device: requiredDevice ?? call.value("device"),
            from: try RowsRequest.bound(call, "from", instant),
            to: try RowsRequest.bound(call, "to", instant)
        )
        page = ViewPage(devices: call.principal.devices)
        if let text = call.value("limit") {
            guard let limit = Int(text), (1...ViewPage.rowCountMaximum).contains(limit) else {
                throw Problem(.badParameter, "limit takes a number from 1 to \(ViewPage.rowCountMaximum)")
            }
            page.limit = limit
        }
        if let text = call.value("cursor") {
            guard let cursor = ViewCursor(text: text), query.goesWith(cursor) else {
                throw Problem(.badCursor, "a cursor goes only with the query that gave it, otherwise unchanged")
            }
            page.after = cursor
        }
    }

    private static func bound(_ call: Call, _ name: String, _ instant: (String) -> Instant?) throws
        -> ViewQuery.Bound?
    {
        guard let text = call.value(name) else { return nil }
        if let date = LocalDate(text) { return .day(date) }
        // No time has a space in it: there a plus sign was not escaped.
        if let instant = instant(text.replacing(" ", with: "+")) { return .instant(instant) }
        throw Problem(
            .badParameter,
            "\(name) takes a local date (2026-01-31) or an instant (2026-01-31T08:00:00+01:00)"
        )
    }
}
