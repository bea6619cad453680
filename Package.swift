// swift-tools-version: 6.2

import PackageDescription

/// `-enable-testing` in release: the compiler inlines nothing across modules that is `package`, one-line accessors of a
/// reading in the hot loops included, unless a module lets all its declarations be seen. Without it ingest and rebuild
/// take a tenth more processor time. So what ships is also compiled as what the tests run.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
    .unsafeFlags(["-enable-testing"], .when(configuration: .release)),
]

/// Of the modules in which readings are folded or told: their state lies in classes, each of one thread, and a check of
/// every access costs an eighth of the fold. A debug build makes the checks.
let foldSettings =
    settings + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

/// The arrows of the architecture: what each module may import. `TidyTests` holds the sources against this table.
let modules: [Target] = [
    // The words of the domain as values: no Foundation, no I/O.
    .target(name: "MeterModel", swiftSettings: foldSettings),
    // Threads that work beside their owner.
    .target(name: "Threading", swiftSettings: settings),
    // IANA zones read once into plain tables of offsets.
    .target(name: "TimeZones", dependencies: ["MeterModel"], swiftSettings: settings),
    // Segments of opaque, checksummed, chained, compressed blocks; knows no meters.
    .target(
        name: "RecordLog",
        dependencies: ["CLZ4", "CCRC32C", .product(name: "Crypto", package: "swift-crypto")],
        swiftSettings: settings
    ),
    // Typed append and read; event codecs.
    .target(
        name: "EventStorage",
        dependencies: ["MeterModel", "Threading", "RecordLog", .product(name: "Crypto", package: "swift-crypto")],
        swiftSettings: settings
    ),
    // Heads of the log kept elsewhere, signed; what a log says to them later.
    .target(
        name: "TamperEvidence",
        dependencies: ["MeterModel", "RecordLog", "Telegrams", .product(name: "Crypto", package: "swift-crypto")],
        swiftSettings: settings
    ),
    // Copies of a data directory that are proved, and a data directory from a copy.
    .target(
        name: "Backups",
        dependencies: ["MeterModel", "RecordLog", "EventStorage", "TamperEvidence"],
        swiftSettings: settings
    ),
    // Untrusted bytes to events, no I/O: one file a format.
    .target(name: "Telegrams", dependencies: ["MeterModel"], swiftSettings: settings),
    // Accepts, refuses or fills in: a pure fold of declarations and references.
    .target(name: "Admission", dependencies: ["MeterModel"], swiftSettings: settings),
    // Tariffs, rating, ledger arithmetic: pure.
    .target(name: "Billing", dependencies: ["MeterModel"], swiftSettings: foldSettings),
    // The SQLite schema, its rows and queries.
    .target(
        name: "ReadModel",
        dependencies: [
            "MeterModel", "Threading", "CSQLite", "CSteadyVFS", .product(name: "GRDB", package: "GRDB.swift"),
            .product(name: "GRDBSQLite", package: "GRDB.swift"),
        ],
        swiftSettings: foldSettings
    ),
    // Pure folds, and the runner that commits rows, outbox and checkpoint in one transaction.
    .target(
        name: "Projections",
        dependencies: [
            "MeterModel", "Threading", "RecordLog", "EventStorage", "Billing", "ReadModel", "CCRC32C", "CPrefetch",
        ],
        swiftSettings: foldSettings
    ),
    // Files and stdin into batches, batches into the log, refused lines into quarantine.
    .target(
        name: "Ingest",
        dependencies: [
            "MeterModel", "Threading", "Telegrams", "Access", "Admission", "EventStorage", "CLZ4", "CZlib",
            .product(name: "Yams", package: "Yams"),
        ],
        resources: [.embedInCode("Profiles")],
        swiftSettings: settings
    ),
    // Who may do what: bearer tokens, stored hashed, and what each allows.
    .target(
        name: "Access",
        dependencies: ["MeterModel", .product(name: "Crypto", package: "swift-crypto")],
        swiftSettings: settings
    ),
    // Outbox to push jobs, jobs to channels with retry, outcomes to facts.
    .target(
        name: "Notifications",
        dependencies: [
            "MeterModel",
            .product(name: "AsyncHTTPClient", package: "async-http-client"),
            .product(name: "Crypto", package: "swift-crypto"),
            .product(name: "Logging", package: "swift-log"),
            .product(name: "NIOCore", package: "swift-nio"),
            .product(name: "NIOHTTP1", package: "swift-nio"),
        ],
        swiftSettings: settings
    ),
    // The HTTP interface over the views and the intake.
    .target(
        name: "QueryAPI",
        dependencies: [
            "MeterModel", "ReadModel", "Access",
            .product(name: "HTTPTypes", package: "swift-http-types"),
            .product(name: "Hummingbird", package: "hummingbird"),
            .product(name: "HummingbirdCore", package: "hummingbird"),
            .product(name: "HummingbirdTLS", package: "hummingbird"),
            .product(name: "Logging", package: "swift-log"),
            .product(name: "NIOCore", package: "swift-nio"),
            .product(name: "NIOHTTP1", package: "swift-nio"),
            .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
            .product(name: "NIOPosix", package: "swift-nio"),
            .product(name: "NIOSSL", package: "swift-nio-ssl"),
            .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        ],
        swiftSettings: settings
    ),
    // Lines over TCP: the listener, its connections and limits, and the client that resumes.
    .target(
        name: "Listening",
        dependencies: [
            "MeterModel", "Access", "Ingest",
            .product(name: "Logging", package: "swift-log"),
            .product(name: "NIOCore", package: "swift-nio"),
            .product(name: "NIOPosix", package: "swift-nio"),
            .product(name: "NIOSSL", package: "swift-nio-ssl"),
            .product(name: "NIOTLS", package: "swift-nio"),
        ],
        swiftSettings: settings
    ),
    // Deterministic fleets for demos, tests and benchmarks.
    .target(name: "FleetSimulator", dependencies: ["MeterModel"], swiftSettings: settings),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CCRC32C"),
    // A line of memory fetched before it is wanted.
    .target(name: "CPrefetch"),
    // SQLite's files, synced in pieces.
    .target(name: "CSteadyVFS", linkerSettings: [.linkedLibrary("sqlite3")]),
    .executableTarget(
        name: "meterfold",
        dependencies: [
            "MeterModel", "Threading", "TimeZones", "RecordLog", "EventStorage", "Telegrams", "Admission", "Billing",
            "ReadModel", "Projections", "Ingest", "FleetSimulator", "Access", "Notifications", "QueryAPI", "Listening",
            "TamperEvidence", "Backups",
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
            .product(name: "AsyncHTTPClient", package: "async-http-client"),
            .product(name: "Configuration", package: "swift-configuration"),
            .product(name: "Logging", package: "swift-log"),
            .product(name: "NIOCore", package: "swift-nio"),
            .product(name: "NIOPosix", package: "swift-nio"),
            .product(name: "NIOSSL", package: "swift-nio-ssl"),
            .product(name: "NIOHTTP1", package: "swift-nio"),
            .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            .product(name: "Yams", package: "Yams"),
        ],
        swiftSettings: settings
    ),
]

let tests: [Target] = [
    .testTarget(name: "MeterModelTests", dependencies: ["MeterModel", "TimeZones"], swiftSettings: settings),
    .testTarget(name: "ThreadingTests", dependencies: ["Threading"], swiftSettings: settings),
    .testTarget(name: "RecordLogTests", dependencies: ["RecordLog", "TestStage"], swiftSettings: settings),
    .testTarget(
        name: "EventStorageTests",
        dependencies: ["EventStorage", "RecordLog", "MeterModel"],
        swiftSettings: settings
    ),
    .testTarget(
        name: "TelegramsTests",
        dependencies: ["Telegrams", "MeterModel", "TimeZones", "SharedFiles"],
        swiftSettings: settings
    ),
    .testTarget(
        name: "AdmissionTests",
        dependencies: ["Admission", "MeterModel", "TimeZones"],
        swiftSettings: settings
    ),
    .testTarget(
        name: "TamperEvidenceTests",
        dependencies: [
            "TamperEvidence", "RecordLog", "MeterModel", .product(name: "Crypto", package: "swift-crypto"),
        ],
        swiftSettings: settings
    ),
    .testTarget(
        name: "BackupsTests",
        dependencies: ["Backups", "TamperEvidence", "EventStorage", "RecordLog", "MeterModel"],
        swiftSettings: settings
    ),
    .testTarget(
        name: "ReadModelTests",
        dependencies: ["ReadModel", "MeterModel", "CSteadyVFS"],
        swiftSettings: settings
    ),
    // The slow, from-scratch fold, written from the semantics alone: the oracle of the fast one.
    .target(name: "ReferenceFold", path: "Tests/ReferenceFold", swiftSettings: settings),
    // What the views say, in the oracle's form.
    .target(
        name: "OracleRows",
        dependencies: ["ReadModel", "MeterModel", "ReferenceFold"],
        path: "Tests/OracleRows",
        swiftSettings: settings
    ),
    // What several suites read that is not part of the repository.
    .target(name: "SharedFiles", path: "Tests/SharedFiles", swiftSettings: settings),
    // What several suites stage with: certificates, and waiting.
    .target(
        name: "TestStage",
        dependencies: [.product(name: "NIOSSL", package: "swift-nio-ssl")],
        path: "Tests/TestStage",
        swiftSettings: settings
    ),
    .testTarget(name: "ReferenceFoldTests", dependencies: ["ReferenceFold", "SharedFiles"], swiftSettings: settings),
    .testTarget(
        name: "ProjectionsTests",
        dependencies: [
            "Projections", "Billing", "ReadModel", "EventStorage", "RecordLog", "Admission", "Telegrams", "MeterModel",
            "TimeZones", "ReferenceFold", "OracleRows", "SharedFiles", "TestStage", "CCRC32C",
        ],
        swiftSettings: settings
    ),
    .testTarget(
        name: "IngestTests",
        dependencies: [
            "Ingest", "Access", "Admission", "EventStorage", "RecordLog", "Telegrams", "TimeZones", "MeterModel",
            "SharedFiles", "TestStage",
        ],
        swiftSettings: settings
    ),
    .testTarget(name: "AccessTests", dependencies: ["Access", "MeterModel"], swiftSettings: settings),
    .testTarget(
        name: "NotificationsTests",
        dependencies: [
            "Notifications", "MeterModel", "SharedFiles",
            .product(name: "Hummingbird", package: "hummingbird"),
        ],
        swiftSettings: settings
    ),
    .testTarget(
        name: "QueryAPITests",
        dependencies: [
            "QueryAPI", "ReadModel", "Access", "MeterModel", "SharedFiles", "TestStage",
            .product(name: "AsyncHTTPClient", package: "async-http-client"),
            .product(name: "Hummingbird", package: "hummingbird"),
        ],
        swiftSettings: settings
    ),
    .testTarget(
        name: "ListeningTests",
        dependencies: [
            "Listening", "Access", "Ingest", "EventStorage", "RecordLog", "Admission", "Telegrams", "TimeZones",
            "MeterModel", "TestStage",
            .product(name: "Logging", package: "swift-log"),
            .product(name: "NIOCore", package: "swift-nio"),
            .product(name: "NIOPosix", package: "swift-nio"),
            .product(name: "NIOSSL", package: "swift-nio-ssl"),
        ],
        swiftSettings: settings
    ),
    .testTarget(
        name: "FleetSimulatorTests",
        dependencies: ["FleetSimulator", "Telegrams", "MeterModel"],
        swiftSettings: settings
    ),
    .testTarget(
        name: "ScenarioTests",
        dependencies: [
            "meterfold", "MeterModel", "Projections", "TimeZones", "SharedFiles", "EventStorage", "RecordLog",
            .product(name: "Crypto", package: "swift-crypto"),
            .product(name: "Logging", package: "swift-log"),
        ],
        swiftSettings: settings
    ),
    // The whole pipeline in one thread, under faults that a seed decides.
    .testTarget(
        name: "SimulationTests",
        dependencies: [
            "meterfold", "Ingest", "Access", "Admission", "EventStorage", "RecordLog", "Telegrams", "Projections",
            "ReadModel", "Notifications", "FleetSimulator", "MeterModel", "TimeZones", "ReferenceFold", "OracleRows",
            "TestStage",
            .product(name: "Logging", package: "swift-log"),
        ],
        swiftSettings: settings
    ),
    .testTarget(name: "TidyTests", swiftSettings: settings),
]

/// What a fuzzer is linked with: scripts/fuzz builds it alone, with its own flags.
let fuzzing: [Target] =
    Context.environment["METERFOLD_FUZZING"] == nil
    ? []
    : [
        .target(
            name: "Fuzzing",
            dependencies: [
                "Ingest", "Access", "Admission", "EventStorage", "RecordLog", "Telegrams", "TamperEvidence",
                "TimeZones", "MeterModel", "QueryAPI", "ReadModel",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            path: "Tests/Fuzzing",
            swiftSettings: settings
        )
    ]

/// What measures the stages alone: scripts/bench builds it, and nothing else resolves or builds what it needs.
let isBenchmarking = Context.environment["METERFOLD_BENCHMARKS"] != nil
let benchmarks: [Target] =
    isBenchmarking
    ? [
        .executableTarget(
            name: "Stages",
            dependencies: [
                "MeterModel", "TimeZones", "RecordLog", "EventStorage", "Telegrams", "Admission", "ReadModel",
                "Projections", "FleetSimulator",
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/Stages",
            swiftSettings: settings,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        )
    ] : []
let benchmarkDependencies: [Package.Dependency] =
    isBenchmarking ? [.package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: [])] : []

let package = Package(
    name: "meterfold",
    products: [.executable(name: "meterfold", targets: ["meterfold"])]
        + fuzzing.map { .library(name: $0.name, type: .static, targets: [$0.name]) },
    dependencies: [
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.30.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ] + benchmarkDependencies,
    targets: modules + tests + fuzzing + benchmarks,
    swiftLanguageModes: [.v6]
)
