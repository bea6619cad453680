"""Lines over a plane of two axes, as SVG; nothing but text is needed to draw them."""

import html
import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 460, 84, 24, 84, 64
COLOURS = ["#1b6ca8", "#c2571a", "#3c7d3c", "#7a4fa0"]


def short(value):
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g} {letter}"
    return f"{value:g}"


class Axis:
    """Maps values to pixels, straight or by their logarithm, and says where ticks belong."""

    def __init__(self, values, start, end, isLogarithmic, fromZero=False):
        self.start, self.end, self.isLogarithmic = start, end, isLogarithmic
        low, high = min(values), max(values)
        if isLogarithmic:
            self.low, self.high = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
            self.high = max(self.high, self.low + 1)
            self.ticks = [10.0**power for power in range(self.low, self.high + 1)]
            if len(self.ticks) < 4:
                self.ticks = [tick * times for tick in self.ticks for times in (1, 2, 5)]
                self.ticks = [tick for tick in self.ticks if tick <= 10.0**self.high * 1.000001]
        else:
            low = 0 if fromZero else low
            step = 10 ** math.floor(math.log10(max(high - low, 1e-9)))
            step = next(s for s in (step / 5, step / 2, step, step * 2) if (high - low) / s <= 8)
            self.low, self.high = math.floor(low / step) * step, math.ceil(high / step) * step
            self.ticks = [self.low + i * step for i in range(round((self.high - self.low) / step) + 1)]

    def __call__(self, value):
        at = math.log10(value) if self.isLogarithmic else value
        return self.start + (at - self.low) / (self.high - self.low) * (self.end - self.start)


def text(x, y, words, size=13, anchor="middle", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{extra}>{html.escape(words)}</text>'


def draw(title, subtitle, across, up, lines, isLogarithmic=(True, False)):
    """`lines`: names to lists of (x, y). The axes have a name each."""
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points]
    x = Axis(xs, LEFT, WIDTH - RIGHT, isLogarithmic[0])
    y = Axis(ys, HEIGHT - BOTTOM, TOP, isLogarithmic[1], fromZero=True)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" fill="#222">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text(LEFT, 24, title, 17, "start", ' font-weight="bold"'),
        text(LEFT, 44, subtitle, 12, "start", ' fill="#555"'),
    ]
    for tick in x.ticks:
        at = x(tick)
        parts.append(f'<path d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e4e4e4"/>')
        parts.append(text(at, HEIGHT - BOTTOM + 18, short(tick)))
    for tick in y.ticks:
        at = y(tick)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#e4e4e4"/>')
        parts.append(text(LEFT - 8, at + 4, short(tick), anchor="end"))
    parts.append(f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}" fill="none" stroke="#222"/>')
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, across))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(text(20, middle, up, extra=f' transform="rotate(-90 20 {middle})"'))
    for i, (name, points) in enumerate(lines.items()):
        colour = COLOURS[i % len(COLOURS)]
        places = [(x(a), y(b)) for a, b in points]
        path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"/>' for a, b in places]
        along = LEFT + (WIDTH - LEFT - RIGHT) * i / max(2, len(lines))
        parts.append(f'<path d="M{along:.1f} {TOP - 18}h22" stroke="{colour}" stroke-width="2"/>')
        parts.append(text(along + 28, TOP - 14, name, 12, "start"))
    return "\n".join([*parts, "</svg>"]) + "\n"
