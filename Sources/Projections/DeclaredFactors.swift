import MeterModel

/// What a declaration says about counting, in mWh or mL.
struct DeclaredFactors: Equatable {
    var multiplierThousandths: Int64?
    var modulus: Int64?
    var maxRate: Int64?

    init(_ declaration: DeviceDeclaration) {
        multiplierThousandths = declaration.multiplier.flatMap { $0.scaled(by: 3) }.map(Int64.init)
        modulus = declaration.modulusMilli
        maxRate = declaration.maxRateMilli
    }
}
