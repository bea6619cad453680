import MeterModel

extension Fold {
    /// Takes over what another lane has folded, which is of no use afterwards.
    ///
    /// - Precondition: both have gathered the same, and nothing of either is still to be written.
    func absorb(_ other: Fold) {
        precondition(other.position == position && other.lane != nil && untoldJobs == nil, "no lanes of one fold")
        precondition(other.devices.count == devices.count && other.series.count == series.count, "unlike lanes")
        precondition(queuedDevices.isEmpty && other.queuedDevices.isEmpty, "rows are still to be written")
        for i in devices.indices where other.devices[i] !== other.outsider { devices[i] = other.devices[i] }
        for i in series.indices where other.owners[i] !== other.outsider {
            series[i] = other.series[i]
            owners[i] = other.owners[i]
            registers[i] = other.registers[i]
        }
        foldedDevices = devices.filter { $0 !== outsider }
        jobs.merge(other.jobs) { mine, _ in mine }
        // Who knew the job's device has all that was told of it.
        earlyOutcomes.merge(other.earlyOutcomes) { $0.count >= $1.count ? $0 : $1 }
        for job in jobs.keys { earlyOutcomes[job] = nil }
        packedByOthers.append(other.packed)
    }

    /// Ends the lanes: all others are absorbed.
    func endLanes() { lane = nil }

    /// Gives back the memory of rooms in which nothing lies.
    func giveBackRooms() { for packed in [packed] + packedByOthers { packed.rooms.giveBackMemory() } }

    /// Gives back that, and the memory through which the scratch file was looked at.
    func giveBackMemory() { for packed in [packed] + packedByOthers { packed.giveBackMemory() } }
}
