"""What a measurement gives, and what was set as its target."""

import dataclasses

# Name of a row: what it must reach to be shipped, and what it aims at. Rates are to be higher, all else lower.
TARGETS = {
    "A1.1": (2e6, 5e6), "A1.10": (2e6, 5e6), "A1.100": (2e6, 5e6), "A1.10.cpu": (0.5, 0.2), "A1.10.bytes": (4.0, 2.5),
    "A3.lp": (4e6, 10e6), "A3.lp.cpu": (0.5, 0.2),
    "B1.p50": (5, 1), "B1.p99.9": (50, 10), "B2": (500, 50),
    "C1.large": (4.0, 2.5), "C1.long": (4.0, 2.5), "C2.large": (2.5, 1.5), "C2.long": (2.5, 1.5),
    "S2.bytes": (12, 8),
    "D0": (20e6, 80e6), "D1.on": (5e6, 20e6), "D1.off": (5e6, 20e6), "D2": (5e6, 20e6),
    "D4.replay": (500, 50),
    "E1.accept": (1000, 100), "E1.views": (10000, 1000),
}


@dataclasses.dataclass
class Figure:
    """One row of one run: `floor` is the machine's own figure in the same unit, if there is one to hold it against."""

    key: str
    what: str
    unit: str
    value: float
    floor: float = None
    note: str = ""


@dataclasses.dataclass
class Benchmark:
    """`run` measures once and returns figures; `once` says that a repetition would take too long."""

    key: str
    what: str
    run: object
    once: bool = False


def rate(key, what, count, seconds, floor=None):
    return Figure(key, what, "readings/s", count / max(seconds, 1e-6), floor)


def rank(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
