internal import HTTPTypes

extension HTTPField.Name {
    /// The position an answer speaks for.
    static let meterfoldPosition = known("Meterfold-Position")
    static let link = known("Link")
    static let influxVersion = known("X-Influxdb-Version")
    static let influxError = known("X-Influxdb-Error")
    static let referrerPolicy = known("Referrer-Policy")
    static let lastEventID = known("Last-Event-ID")

    private static func known(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("no header name: \(text)") }
        return name
    }
}
