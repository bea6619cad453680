internal import HTTPTypes
internal import Hummingbird
internal import Logging

/// What every request goes through: limits on the way in; on the way out, whatever went wrong as a problem, and the
/// headers that all answers have.
struct Front: RouterMiddleware {
    typealias Context = BasicRequestContext

    let endpoints: [Endpoint]
    let limits: HTTPLimits
    let logger: Logger

    /// Bytes of a body that nobody read, up to which the connection is worth keeping.
    private static let drainedByteCountMaximum = 64 * 1024

    @concurrent
    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            if let query = request.uri.query, query.utf8.count > limits.queryByteCount {
                throw Problem(.queryTooLong, "a query string has at most \(limits.queryByteCount) bytes")
            }
            response = try await next(request, context)
        } catch let problem as Problem {
            response = problem.response()
        } catch is any HTTPResponseError {
            response = problem(ofUnrouted: request).response()
        } catch {
            response = failed(error).response()
        }
        if request.method == .head { response = response.createHeadResponse() }
        if response.status.code >= 400 || request.method == .get || request.method == .head, hasLongBody(request) {
            response.headers[.connection] = "close"
        }
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.contentSecurityPolicy] = "default-src 'none'; frame-ancestors 'none'"
        response.headers[.referrerPolicy] = "no-referrer"
        // Who used how much and owes what is nobody else's.
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        return response
    }

    /// What is unexpected goes to the log alone: it may name files.
    func failed(_ error: any Error) -> Problem {
        logger.error("a request failed", metadata: ["error": "\(error)"])
        return Problem(.failed, "the server's log says more")
    }

    /// Why no route answered.
    private func problem(ofUnrouted request: Request) -> Problem {
        let methods = endpoints.filter { $0.matches(path: request.uri.path) }.map(\.method)
        guard !methods.isEmpty else { return Problem(.notFound, "no such path; /v1/openapi.json lists what there is") }
        let all = Set(methods + (methods.contains(.get) ? [.head] : [])).map(\.rawValue).sorted()
        var problem = Problem(.methodNotAllowed, "this path takes \(all.joined(separator: ", "))")
        problem.headers[.allow] = all.joined(separator: ", ")
        return problem
    }

    private func hasLongBody(_ request: Request) -> Bool {
        if request.headers[.transferEncoding] != nil { return true }
        let length = request.headers[.contentLength].flatMap(Int.init) ?? 0
        return length > Front.drainedByteCountMaximum
    }
}

extension Front {
    /// A router with every route, each behind the entrance.
    func router(_ entrance: Entrance) -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: self)
        for endpoint in endpoints {
            router.on(RouterPath(endpoint.path), method: endpoint.method) { request, context in
                do {
                    return try await answer(endpoint, entrance, request, context)
                } catch let problem as Problem {
                    return problem.response(in: endpoint.errorShape)
                } catch {
                    return failed(error).response(in: endpoint.errorShape)
                }
            }
        }
        return router
    }

    private func answer(
        _ endpoint: Endpoint,
        _ entrance: Entrance,
        _ request: Request,
        _ context: Context
    ) async throws -> Response {
        let query = try QueryParameters(request.uri.query ?? "")
        let principal = try entrance.admit(request, query, to: endpoint)
        let parameters =
            endpoint.toleratesParameters
            ? query.pairs.reduce(into: [:]) { $0[$1.name] = $1.value }
            : try query.single(among: endpoint.parameters.map(\.name))
        var path: [String: String] = [:]
        for name in endpoint.pathParameters {
            path[name] = try QueryParameters.decoded((context.parameters.get(name) ?? "").utf8, plusIsSpace: false)
        }
        return try await endpoint.run(
            Call(request: request, principal: principal, query: query, parameters: parameters, path: path)
        )
    }
}
