package import MeterModel

/// A place where devices of the fleet stand: its zone, its currency, its prices.
package struct FleetZone: Hashable, Sendable {
    /// The IANA name.
    package let timezone: String
    /// The first part of its tariffs' names.
    package let shortName: String
    /// An ISO 4217 code; all of them have two minor digits.
    package let currency: String
    /// The clock that daily habits follow. Without summer time: a load shape needs no more.
    let habitOffsetMinutes: Int
    /// Price of a kWh or m3 by utility's raw value - 1, in 10^-4 of the currency.
    private let prices: [Int64]

    /// The zones, dealt to devices in proportion 4 : 3 : 2 : 1.
    package static let all: [FleetZone] = [
        FleetZone(
            timezone: "Europe/Berlin",
            shortName: "berlin",
            currency: "EUR",
            habitOffsetMinutes: 60,
            prices: [3_285, 20_150, 11_940]
        ),
        FleetZone(
            timezone: "Asia/Shanghai",
            shortName: "shanghai",
            currency: "CNY",
            habitOffsetMinutes: 480,
            prices: [6_170, 38_300, 30_000]
        ),
        FleetZone(
            timezone: "America/New_York",
            shortName: "new-york",
            currency: "USD",
            habitOffsetMinutes: -300,
            prices: [2_436, 15_625, 5_890]
        ),
        FleetZone(
            timezone: "Asia/Kolkata",
            shortName: "kolkata",
            currency: "INR",
            habitOffsetMinutes: 330,
            prices: [71_200, 162_500, 495_000]
        ),
    ]

    /// The zone's place in `all` for a number from 0 to 9.
    static func index(ofTenth tenth: Int) -> Int { tenth < 4 ? 0 : tenth < 7 ? 1 : tenth < 9 ? 2 : 3 }

    /// The price of a kWh or m3, in 10^-4 of the currency.
    package func price(of utility: Utility) -> Int64 { prices[Int(utility.rawValue) - 1] }

    /// The name of the flat tariff for a utility.
    package func tariffName(_ utility: Utility) -> String { "\(shortName)-\(utility.name)" }
}
