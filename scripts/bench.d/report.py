"""Figures of all runs as a table for people, as Markdown, and as JSON."""

import json
import statistics

from figures import TARGETS, TIMES_FLOOR


def number(value):
    if value is None:
        return ""
    size = abs(value)
    if size >= 1e6:
        return f"{value / 1e6:,.2f} M"
    if size >= 10000:
        return f"{value / 1e3:,.0f} k"
    return f"{value:,.0f}" if size >= 100 else f"{value:.3g}"


class Row:
    """One line of the table: the figures of one key, or why there are none."""

    def __init__(self, key, what, unit="", note=""):
        self.key, self.what, self.unit, self.note = key, what, unit, note
        self.values, self.floors = [], []

    def add(self, figure):
        self.values.append(figure.value)
        if figure.floor:
            self.floors.append(figure.floor)
        self.note = figure.note

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def target(self):
        must, aim = TARGETS.get(self.key, (None, None))
        return f"{number(must)} / {number(aim)}" if must else ""

    @property
    def met(self):
        """Which target the median reaches."""
        must, aim = TARGETS.get(self.key, (None, None))
        if not must or not self.values:
            return ""
        sign = 1 if self.unit.endswith("/s") else -1
        if self.key in TIMES_FLOOR and self.floors:
            must = max(must, TIMES_FLOOR[self.key] * statistics.median(self.floors))
        return "aim" if self.median * sign >= aim * sign else "must" if self.median * sign >= must * sign else "below"

    @property
    def ratio(self):
        if not self.floors:
            return ""
        ratio = self.median / statistics.median(self.floors)
        return f"{ratio:.3g}"

    def cells(self):
        if not self.values:
            return [self.key, f"{self.what}: {self.note}", "", "", "", "", ""]
        middle = number(self.median)
        if len(self.values) > 1:
            middle += f" ({number(min(self.values))} … {number(max(self.values))})"
        what = f"{self.what}; {self.note}" if self.note else self.what
        return [self.key, what, self.unit, self.target, self.met, middle, self.ratio]

    def json(self):
        told = {"name": self.key, "what": self.what, "unit": self.unit, "note": self.note}
        if self.values:
            must, aim = TARGETS.get(self.key, (None, None))
            floor = statistics.median(self.floors) if self.floors else None
            told |= {"must": must, "aim": aim, "met": self.met}
            told |= {"median": self.median, "values": self.values, "floor": floor}
        return told


HEADER = ["name", "what", "unit", "must / aim", "met", "median (min … max)", "x floor"]


def table(rows):
    lines = [HEADER, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def about(machine):
    settings = [f"{name} {value}" for name, value in machine["settings"].items() if value not in (None, [], False)]
    return [
        f"{machine['date']}, {machine['binary']} (repository at {machine['commit']})",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory']}",
        f"Linux {machine['kernel']}; {machine['fileSystem']}; load at the start {machine['loadAtStart']}",
        f"settings: {', '.join(settings)}",
    ]


def text(machine, floor, rows):
    width = max(map(len, floor), default=0)
    floors = "\n".join(f"  {name.ljust(width)}  {number(value)}" for name, value in floor.items())
    return "\n".join([*about(machine), "", "The machine's floor:", floors, "", table(rows)])


def markdown(machine, floor, rows):
    def line(cells):
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    measured = [line(HEADER), "|---|---|---|---|---|--:|--:|", *(line(row.cells()) for row in rows)]
    floors = ["| the machine's floor | |", "|---|--:|", *(line([name, number(value)]) for name, value in floor.items())]
    return "\n".join([*("- " + text for text in about(machine)), "", *floors, "", *measured])


BEGIN, END = "<!-- begin: scripts/bench --into -->", "<!-- end: scripts/bench --into -->"


def put_into(path, text):
    """Puts a text in place of what stands between the marks in a file."""
    with open(path) as file:
        before, _, rest = file.read().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{path} has no '{BEGIN}' with '{END}' behind it")
    with open(path, "w") as file:
        file.write(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def as_json(machine, floor, rows):
    return json.dumps({"machine": machine, "floor": floor, "rows": [row.json() for row in rows]}, indent=1)
