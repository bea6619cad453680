import Billing
package import MeterModel

/// What the log says of a device, as declared: what a further declaration is compared with.
package struct DeviceStanding {
    package var declaration: DeviceDeclaration
    /// The tariff by the date since when it was assigned; nil: from the beginning.
    package var tariffs: [LocalDate?: String]
    /// By name; `zero` is always there.
    package var rules: [AlertRule]
}

/// What declarations made of a device, and what it was charged for that.
extension Fold {
    /// The tariff as last published; nil where none was.
    package func tariff(named name: String) -> TariffPublished? { tariffs[ByteName(name)]?.event }

    /// What is declared of a device, by the log's number of it; nil for one that the log does not know.
    package func standing(of index: UInt32) -> DeviceStanding? {
        guard devices.indices.contains(Int(index)) else { return nil }
        let device = devices[Int(index)]
        var tariffs: [LocalDate?: String] = [:]
        for assignment in device.assignments { tariffs[assignment.from] = assignment.tariff }
        return DeviceStanding(declaration: device.declaration, tariffs: tariffs, rules: device.alerts.allRules)
    }

    /// The numbers of the devices that were ever assigned to one of these tariffs.
    package func devices(assignedTo tariffs: Set<ByteName>) -> [UInt32] {
        foldedDevices.filter { $0.assignments.contains { tariffs.contains(ByteName($0.tariff)) } }.map(\.index)
    }

    /// What a device was charged so far, exactly; nil for one without a tariff.
    package func charges(of index: UInt32) -> (amount: Money, currency: Currency)? {
        guard devices.indices.contains(Int(index)) else { return nil }
        let device = devices[Int(index)]
        guard device.hasBalance, let currency = device.currency else { return nil }
        return (device.charges.exact(), currency)
    }
}
