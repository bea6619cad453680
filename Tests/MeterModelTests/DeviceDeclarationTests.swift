import Testing

@testable import MeterModel

@Suite("What is known of a device")
struct DeviceDeclarationTests {
    @Test("is of its first event while nobody has registered it")
    func notice() {
        var pool = DeclarationPool()
        var declaration = DeviceDeclaration()
        declaration.notice(register: "1-0:1.8.1", unit: nil, in: &pool)
        #expect(declaration.takesNotice && declaration.dimension == nil)
        declaration.notice(register: "1-0:1.8.2", unit: .kilowattHour, in: &pool)
        #expect(!declaration.takesNotice && declaration.dimension == .energy)
        #expect(declaration.register == "1-0:1.8.1" && declaration.registerToFillIn == nil)
    }

    @Test("is its registration alone from then on")
    func registered() {
        let registration = DeviceRegistered(device: "m", utility: .electricity)
        var pool = DeclarationPool()
        var told = DeviceDeclaration()
        told.notice(register: "side", unit: .kilowattHour, in: &pool)
        told.declare(registration, in: &pool)
        #expect(told.register == "1-0:1.8.0" && !told.takesNotice)
        var silent = DeviceDeclaration()
        silent.declare(registration, in: &pool)
        let declared = silent
        silent.notice(register: "side", unit: .cubicMetre, in: &pool)
        #expect(silent == declared && silent.register == "1-0:1.8.0")
    }

    @Test("is its own, however many others a pool has kept since")
    func pooled() {
        var pool = DeclarationPool()
        let registrations = (0..<3000).map { i in
            var registration = DeviceRegistered(device: "m\(i)", utility: i % 2 == 0 ? .water : .gas)
            registration.gapAfterMilliseconds = i % 3 == 0 ? nil : Int64(i)
            registration.register = i % 5 == 0 ? nil : "r\(i % 7)"
            registration.account = i % 4 == 0 ? "a\(i)" : nil
            return registration
        }
        let declarations = registrations.map { registration in
            var declaration = DeviceDeclaration()
            declaration.declare(registration, in: &pool)
            return declaration
        }
        for (registration, declaration) in zip(registrations, declarations) {
            var alone = DeviceTerms()
            alone.declare(registration)
            #expect(declaration.terms == alone && declaration.account == registration.account)
            #expect(declaration.register == registration.register ?? registration.utility.defaultRegister)
        }
    }

    @Test("keeps names as they are spelled, though others are spelled alike")
    func spelling() {
        var pool = DeclarationPool()
        let names = ["caf\u{E9}", "cafe\u{301}", "caf\u{E9}"]
        let told = names.map { name in
            var declaration = DeviceDeclaration()
            declaration.notice(register: name, unit: nil, in: &pool)
            return declaration
        }
        #expect(told.map { Array(($0.register ?? "").utf8) } == names.map { Array($0.utf8) })
    }
}
