import Testing

@testable import MeterModel

@Suite("What is known of a device")
struct DeviceDeclarationTests {
    @Test("is of its first event while nobody has registered it")
    func notice() {
        var declaration = DeviceDeclaration()
        declaration.notice(register: "1-0:1.8.1", unit: nil)
        #expect(declaration.takesNotice && declaration.dimension == nil)
        declaration.notice(register: "1-0:1.8.2", unit: .kilowattHour)
        #expect(!declaration.takesNotice && declaration.dimension == .energy)
        #expect(declaration.register == "1-0:1.8.1" && declaration.registerToFillIn == nil)
    }

    @Test("is its registration alone from then on")
    func registered() {
        let registration = DeviceRegistered(device: "m", utility: .electricity)
        var told = DeviceDeclaration()
        told.notice(register: "side", unit: .kilowattHour)
        told.declare(registration)
        #expect(told.register == "1-0:1.8.0" && !told.takesNotice)
        var silent = DeviceDeclaration()
        silent.declare(registration)
        let declared = silent
        silent.notice(register: "side", unit: .cubicMetre)
        #expect(silent == declared && silent.register == "1-0:1.8.0")
    }
}
