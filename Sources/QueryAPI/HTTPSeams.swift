package import Access
package import MeterModel

/// What stands behind the HTTP interface. What is nil is not offered: its routes answer 404.
package struct HTTPSeams: Sendable {
    package var access: any Authorizing
    package var views: any ViewReading
    package var freshness: any Freshness
    /// The rules of the devices' zones: of the database that cut the views.
    package var zones: any ZoneSource & Sendable
    /// Reads instants as they come in parameters: RFC 3339.
    package var instant: @Sendable (String) -> Instant?
    package var state: any ServerState
    package var explaining: (any Explaining)?
    package var intake: (any EventIntake)?
    package var payments: (any PaymentIntake)?
    package var feed: (any LiveFeed)?
    /// Only for a socket that nobody else can open.
    package var control: (any ControlHandling)?

    package init(
        access: any Authorizing,
        views: any ViewReading,
        freshness: any Freshness,
        zones: any ZoneSource & Sendable,
        instant: @escaping @Sendable (String) -> Instant?,
        state: any ServerState,
        explaining: (any Explaining)? = nil,
        intake: (any EventIntake)? = nil,
        payments: (any PaymentIntake)? = nil,
        feed: (any LiveFeed)? = nil,
        control: (any ControlHandling)? = nil
    ) {
        self.access = access
        self.views = views
        self.freshness = freshness
        self.zones = zones
        self.instant = instant
        self.state = state
        self.explaining = explaining
        self.intake = intake
        self.payments = payments
        self.feed = feed
        self.control = control
    }
}
