import AsyncHTTPClient
import HTTPTypes
import MeterModel
import NIOCore
import NIOHTTP1
import Testing

@testable import QueryAPI

@Suite struct OpenAPITests {
    @Test func `the document has every route, and every path in it answers`() async throws {
        let setup = try ServerSetup()
        let endpoints = Routes(setup.seams, setup.limits, closing: Closing()).endpoints
        try await setup.run { asker in
            let document = try await asker.bearing(nil).get("/v1/openapi.json").object
            #expect(document["openapi"] as? String == "3.1.0")
            let paths = try #require(document["paths"] as? [String: [String: [String: Any]]])
            let documented = paths.flatMap { path, operations in operations.keys.map { "\($0) \(path)" } }
            #expect(
                Set(documented) == Set(endpoints.map { "\($0.method.rawValue.lowercased()) \($0.path)" })
                    && documented.count == endpoints.count && documented.count >= 30
            )
            for endpoint in endpoints {
                let path = endpoint.path.replacing("{device}", with: "E-1")
                // Without a token: what asks for one is there.
                var request = asker.bearing(nil).request(.init(rawValue: endpoint.method.rawValue), path)
                if endpoint.method == .post { request.body = .bytes(ByteBuffer()) }
                let status = try await asker.bearing(nil).send(request).status
                let operation = try #require(paths[endpoint.path]?[endpoint.method.rawValue.lowercased()])
                let responses = try #require(operation["responses"] as? [String: Any])
                #expect(status != 404 && status != 405 && responses.keys.contains("\(status)"), "\(path) \(status)")
                let parameters = try #require(operation["parameters"] as? [[String: Any]])
                #expect(
                    parameters.compactMap { $0["name"] as? String }
                        == endpoint.pathParameters + endpoint.parameters.map(\.name)
                )
            }
        }
    }

    @Test func `every kind of problem has a code of its own`() {
        #expect(Set(Problem.Kind.allCases.map(\.rawValue)).count == Problem.Kind.allCases.count)
        #expect(Problem.Kind.allCases.allSatisfy { (400...599).contains($0.status) && !$0.title.isEmpty })
    }

    @Test func `a client's wishes are weighed`() throws {
        #expect(QueryParameters.encoded("a b/ü+~") == "a%20b%2F%C3%BC%2B~")
        let query = try QueryParameters("a=1&b=x%20y+z&&c&a=2")
        #expect(query.all == ["a": ["1", "2"], "b": ["x y z"], "c": [""]])
        #expect(throws: Problem.self) { try QueryParameters("a=%e") }
        #expect(throws: Problem.self) { try query.single(among: ["a", "b", "c"]) }
    }
}
