"""What a measurement gives, and what was set as its target."""

import dataclasses

# Name of a row: what it must reach to be shipped, and what it aims at. Rates are to be higher, all else lower.
TARGETS = {
    "A1.1": (4e6, 8e6), "A1.10": (4e6, 8e6), "A1.100": (4e6, 8e6),
    "A1.1.views": (2.5e6, 5e6), "A1.10.views": (2.5e6, 5e6), "A1.100.views": (2.5e6, 5e6),
    "A2.1": (2e6, 5e6), "A2.10": (2e6, 5e6), "A2.100": (2e6, 5e6),
    "A3.lp": (6e6, 12e6), "A3.csv": (6e6, 12e6), "A3.lp.views": (3e6, 6e6), "A3.csv.views": (3e6, 6e6),
    "B1.p50": (3, 1), "B1.p99.9": (25, 5), "B2": (250, 50),
    "C1.large": (2.5, 1.9), "C1.long": (2.3, 1.7), "C2.large": (2.0, 1.6), "C2.long": (1.8, 1.5),
    "D0": (100e6, 250e6), "D0.large": (100e6, 250e6), "D0.long": (100e6, 250e6),
    "D1.off": (12e6, 30e6), "D1.on": (5e6, 9e6), "D2": (4e6, 8e6),
    "D4.replay": (50, 10), "D4.position": (50, 10),
    "E1.accept": (300, 50), "F1.p99": (20, 3),
}

# Rows that are fit to ship too where they are at most so many times what the machine itself did in the same run.
TIMES_FLOOR = {"B1.p50": 3, "B1.p99.9": 3, "B2": 3}


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
