internal import ReadModel

/// The schemas of rows, from the columns that the queries have.
enum RowSchemas {
    private static let integers: Set<String> = [
        "readings", "duplicates", "position", "episode", "attempts", "clearedPosition",
    ]
    private static let booleans: Set<String> = ["complete", "open"]
    private static let optional: Set<String> = ["period", "price", "account", "clearedAt", "clearedPosition"]

    /// One page of a view.
    static func page(of view: ViewQuery.View) -> JSONText {
        .object([
            ("type", "object"), ("required", .array(["position", "rows", "next"])),
            (
                "properties",
                .object([
                    ("position", .object([("type", "integer"), ("minimum", 0)])),
                    ("rows", .object([("type", "array"), ("items", row(of: view))])),
                    ("next", .object([("type", .array(["string", "null"]))])),
                ])
            ),
        ])
    }

    private static func row(of view: ViewQuery.View) -> JSONText {
        let names = ViewQuery(view).columns.map(\.name)
        let properties = names.map { name in
            let type: JSONText =
                integers.contains(name)
                ? .array(["integer", "null"]) : booleans.contains(name) ? "boolean" : .array(["string", "null"])
            return (name, JSONText.object([("type", type)]))
        }
        var required = names.filter { !optional.contains($0) }
        if view == .ledger { required.removeAll { $0 == "quantity" } }
        if view == .pushes { required.removeAll { $0 == "lastOutcome" } }
        return .object([
            ("type", "object"), ("required", .array(required.map { .string($0) })),
            ("properties", .object(properties)),
        ])
    }
}
