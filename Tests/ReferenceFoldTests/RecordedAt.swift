/// 2026-01-01T00:00Z: every instant of the examples and fixtures lies before it.
let recordedAt: Int64 = 1_767_225_600_000
