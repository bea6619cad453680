"""The stages alone: builds Benchmarks/Stages with the package it is written for, runs it, and prints what a reading
costs in each stage.

    scripts/bench stages [FILTER]       all, or those in whose name a regular expression is found: decode, 'fold.*100k'

The first build takes as long as the program's. docs/benchmarks.md says what each stage is.
"""

import argparse
import os
import subprocess
import sys
import tempfile

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRATCH = os.path.join(REPOSITORY, ".build-bench")
# What each stage is given in one go, as Benchmarks/Stages has it.
READINGS = 1_000_000


def run(*command, silently=None):
    """Runs a command where the manifest knows of the stages, ends where it fails, and passes on what it says but for
    lines that begin so."""
    environment = dict(os.environ, METERFOLD_BENCHMARKS="1")
    environment.setdefault("SWIFT_BACKTRACE", "enable=no")
    output = None if silently is None else subprocess.PIPE
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdin=subprocess.DEVNULL, stdout=output, text=True
    ) as process:
        for line in process.stdout or []:
            if not line.startswith(silently):
                print(line, end="", flush=True)
    if process.returncode != 0:
        sys.exit(f"bench: failed: {' '.join(command)}")


def build():
    """Builds the stages; the tool once only, since going to and fro between the two builds what they share anew."""
    tool = [] if os.path.exists(os.path.join(SCRATCH, "release", "BenchmarkTool")) else ["BenchmarkTool"]
    for product in [*tool, "Stages"]:
        run("swift", "build", "-c", "release", "--scratch-path", SCRATCH, "--product", product)


def measured(pattern):
    """What each stage took in each round, by its name: nanoseconds a reading, and instructions where they are counted.

    The tool is called as the package's plugin calls it. The plugin itself would first build the tool without
    optimising, and then all with other flags than `swift build` does.
    """
    with tempfile.TemporaryDirectory() as place:
        built = os.path.join(SCRATCH, "release")
        filters = ["--filter", f".*(?:{pattern}).*"] if pattern else []
        run(
            os.path.join(built, "BenchmarkTool"), "--command", "run", "--targets", "Stages",
            "--benchmark-executable-paths", os.path.join(built, "Stages"), "--baseline-storage-path", place,
            "--grouping", "benchmark", "--no-progress", "--format", "histogramSamples", "--path", place, *filters,
            silently="Writing to ",
        )
        stages = {}
        for file in sorted(os.listdir(place)):
            # Current_run.Stages.NAME.METRIC.histogram.samples.tsv; the first line is a title.
            name, metric = file.removesuffix(".histogram.samples.tsv").split(".Stages.")[1].rsplit(".", 1)
            with open(os.path.join(place, file)) as lines:
                samples = sorted(int(line) / READINGS for line in list(lines)[1:])
            stages.setdefault(name, {})[metric] = samples
        return stages


def main(arguments):
    parser = argparse.ArgumentParser(
        prog="bench stages", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("filter", nargs="?", help="a regular expression")
    options = parser.parse_args(arguments)
    build()
    stages = measured(options.filter)
    if not stages:
        sys.exit(f"bench: no stage has {options.filter} in its name")
    print(f"{'stage':22}{'devices':>8}{'ns/reading':>12}{'least':>9}{'most':>9}{'instructions':>14}{'rounds':>8}")
    for name, metrics in stages.items():
        stage, shape = name.rsplit("_", 1)
        times = metrics["wallClock"]
        counts = metrics.get("instructions")
        instructions = f"{counts[len(counts) // 2]:.0f}" if counts else "not counted"
        print(
            f"{stage:22}{shape:>8}{times[len(times) // 2]:12.1f}{times[0]:9.1f}{times[-1]:9.1f}{instructions:>14}"
            f"{len(times):8}"
        )
