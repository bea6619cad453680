internal import Access
internal import Hummingbird

extension Routes {
    /// The commands of the machine's own operator; none where they are not offered.
    var controlEndpoints: [Endpoint] {
        guard let control = seams.control else { return [] }
        return [
            Endpoint(
                method: .post,
                path: "/control/{command}",
                summary: "Run a command",
                admission: .anyOf([.admin]),
                toleratesParameters: true,
                body: Endpoint.Body(mediaTypes: ["application/octet-stream"], text: "The command's input."),
                success: Endpoint.Success(text: "What it answered.", content: [(MediaTypes.json, .object([]))]),
                run: { call in
                    let answer = await control.run(
                        call.path["command"] ?? "",
                        arguments: call.query.all,
                        body: BodyBytes(call.request.body, maximumByteCount: .max)
                    )
                    return Response(
                        json: .object([
                            ("exitCode", .integer(Int64(answer.exitCode))), ("out", .string(answer.out)),
                            ("err", .string(answer.err)),
                        ])
                    )
                }
            )
        ]
    }
}
