"""What all measurements share: the binary, a folder to work in, children that end when we do, data sets made once."""

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SOURCES = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(SOURCES))
# What the lines of readings.c mean where their device is not registered.
PLAIN = ["--precision", "s", "--unit", "Wh", "--register", "1-0:1.8.0"]
READINGS_FLAGS = ["-pthread", "-lm"]
FORMATS = {"line-protocol": "lp", "ndjson": "ndjson", "csv": "csv"}


class Failed(Exception):
    """A measurement that could not be taken; its reason goes into the table."""


class Wrong(Failed):
    """A result that is not what was put in: the run ends with a failure."""


class Skipped(Exception):
    """A measurement that this machine, binary or these options have no place for."""


class Session:
    def __init__(self, options):
        self.options = options
        self.quick = options.quick
        self.work = os.path.abspath(options.work or os.path.join(tempfile.gettempdir(), "meterfold-bench"))
        os.makedirs(os.path.join(self.work, "data"), exist_ok=True)
        self.folder = tempfile.mkdtemp(prefix="run-", dir=self.work)
        self.children = []
        atexit.register(self.close)
        for name in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, lambda *_: sys.exit(143))
        self.binary = built_binary()
        self.floor = {}

    def close(self):
        for child in self.children:
            if child.poll() is None:
                kill(child)
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def say(self, text):
        if sys.stderr.isatty() or self.options.verbose:
            print(f"bench: {text}", file=sys.stderr)

    # Children. Each has a group of its own, so that what it started ends with it.

    def start(self, command, **files):
        child = subprocess.Popen([str(word) for word in command], start_new_session=True, **files)
        self.children = [other for other in self.children if other.poll() is None] + [child]
        return child

    def wait(self, child, command, timeout, codes=(0,)):
        try:
            out, err = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            kill(child)
            raise Failed(f"{name_of(command)}: no end after {timeout:.0f} s") from None
        if child.returncode not in codes:
            last = (err or b"").decode(errors="replace").strip().splitlines()[-1:]
            raise Failed(f"{name_of(command)}: exit {child.returncode} {''.join(last)}")
        return out

    def run(self, *command, timeout=600, codes=(0,), stdin=subprocess.DEVNULL, env=None):
        """Runs to the end; stdout."""
        pipe = subprocess.PIPE
        child = self.start(command, stdin=stdin, stdout=pipe, stderr=pipe, env={**os.environ, **(env or {})})
        return self.wait(child, command, timeout, codes)

    def meterfold(self, *arguments, **options):
        return self.run(self.binary, *arguments, **options).decode()

    # Tools and data, kept in the folder of work from run to run.

    def tool(self, name, *flags):
        source, tools = os.path.join(SOURCES, name + ".c"), os.path.join(self.work, "tools")
        made = os.path.join(tools, name)
        newest = max(os.path.getmtime(path) for path in (source, os.path.join(SOURCES, "tool.h")))
        if not os.path.exists(made) or os.path.getmtime(made) < newest:
            if not shutil.which("gcc"):
                raise Failed(f"{name}.c needs gcc")
            os.makedirs(tools, exist_ok=True)
            self.run("gcc", "-O2", "-march=native", "-o", made + ".new", source, *flags, timeout=120)
            os.replace(made + ".new", made)
        return made

    def fleet(self, meters, readings, **what):
        return Fleet(self, meters, readings, what)

    # Data directories.

    def directory(self, name="data", settings=""):
        data = self.path(name)
        shutil.rmtree(data, ignore_errors=True)
        self.meterfold("init", "--data", data)
        if settings:
            with open(os.path.join(data, "meterfold.yaml"), "a") as file:
                file.write(settings)
        return data

    def ingest(self, data, fleet, *flags, timeout=1800, format="line-protocol", stdin=None):
        """Ingests from a file, or what a fleet writes through a pipe; holds the count against what was written."""
        source = [fleet.file(format)] if stdin is None else ["-"]
        command = ["ingest", "--data", data, "--format", "json", *flags, *PLAIN, *source]
        start = time.monotonic()
        summary = json.loads(self.meterfold(*command, timeout=timeout, stdin=stdin or subprocess.DEVNULL))
        summary["wall"] = time.monotonic() - start
        if stdin is None:
            check("accepted", summary["accepted"], fleet.about["lines"])
        check("refused", summary["rejected"], 0)
        return summary

    def ingest_piped(self, data, fleet, *flags, timeout=3600):
        """The same, with nothing of it kept on the disk but the log."""
        child, about = fleet.stream(self.path("about.json"))
        try:
            summary = self.ingest(data, fleet, *flags, timeout=timeout, stdin=child.stdout)
        finally:
            child.stdout.close()
        self.wait(child, ["readings"], 60)
        with open(about) as file:
            check("accepted", summary["accepted"], json.load(file)["lines"])
        return summary

    def declare(self, data, meters, price="0.30"):
        """Registers the meters under a flat tariff."""
        path = self.path("declarations.ndjson")
        with open(path, "wb") as file:
            file.write(self.run(self.tool("readings", *READINGS_FLAGS), "--meters", meters, "--declare", price))
        summary = json.loads(self.meterfold("ingest", "--data", data, "--log-only", "--format", "json", path))
        check("declarations", summary["accepted"], meters + 1)

    def stats(self, data):
        return json.loads(self.meterfold("log", "stats", "--data", data, "--format", "json"))

    def need_room(self, bytes_):
        free = shutil.disk_usage(self.folder).free
        if free < bytes_ + (2 << 30):
            needs = f"needs {bytes_ / 1e9:.0f} GB of disk, {free / 1e9:.0f} GB are free"
            raise Skipped(f"{needs} (--work chooses the folder)")


class Fleet:
    """Readings of so many meters, from readings.c."""

    def __init__(self, session, meters, readings, what):
        self.session, self.meters, self.readings, self.what = session, meters, readings, what

    def command(self):
        arguments = ["--meters", self.meters, "--readings", self.readings]
        for name, value in self.what.items():
            arguments += ["--" + name, value]
        return [self.session.tool("readings", *READINGS_FLAGS), *arguments]

    @property
    def name(self):
        return "-".join(str(part) for part in (self.meters, self.readings, *(f"{k}{v}" for k, v in self.what.items())))

    def file(self, format="line-protocol"):
        """The path of its lines, written the first time; `name.json` beside it says how many there are."""
        base = os.path.join(self.session.work, "data", self.name)
        path = f"{base}.{FORMATS[format]}"
        source = os.path.getmtime(os.path.join(SOURCES, "readings.c"))
        if not os.path.exists(path) or not os.path.exists(base + ".json") or os.path.getmtime(path) < source:
            self.session.need_room(self.meters * self.readings * 72)
            self.session.say(f"writing {path}")
            with open(path + ".new", "wb") as file:
                command = [*self.command(), "--format", format, "--about", base + ".json"]
                self.session.wait(self.session.start(command, stdout=file), command, 1800)
            os.replace(path + ".new", path)
        return path

    @property
    def about(self):
        base = os.path.join(self.session.work, "data", self.name)
        if not os.path.exists(base + ".json"):
            self.file()
        with open(base + ".json") as file:
            return json.load(file)

    def forget(self):
        """Removes its files, which nobody will want again."""
        base = os.path.join(self.session.work, "data", self.name)
        for ending in ("json", *FORMATS.values()):
            if os.path.exists(f"{base}.{ending}"):
                os.remove(f"{base}.{ending}")

    def bytes_per_line(self, format="line-protocol"):
        return os.path.getsize(self.file(format)) / self.about["lines"]

    def stream(self, about):
        command = [*self.command(), "--about", about]
        return self.session.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE), about


def kill(child):
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


def check(what, found, expected):
    if found != expected:
        raise Wrong(f"{what}: {found}, expected {expected}")


def name_of(command):
    words = [os.path.basename(str(word)) for word in command]
    return " ".join(words[:2])


def built_binary():
    binary = os.environ.get("METERFOLD")
    if binary:
        return os.path.abspath(binary)
    build = ["swift", "build", "-c", "release", "--static-swift-stdlib", "--package-path", REPOSITORY]
    subprocess.run([*build, "--product", "meterfold"], check=True, stdout=sys.stderr)
    folder = subprocess.run([*build, "--show-bin-path"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return os.path.join(folder, "meterfold")
