"""Traffic signs from simulation to GTSRB: the three settings over three seeds, and what they cost.

    python benchmarks/autonomy.py --data DIR --work WORK             measure what WORK does not hold yet
    python benchmarks/autonomy.py --work WORK --speed                signs a second, latency of one sign on one core
    python benchmarks/autonomy.py --work WORK --table                print Markdown

DIR is GTSRB (its own folders, or Parquet files named by split). Every seed starts from the weights that the plugin
ships and has other simulated pictures beside the real ones, other batches, other held-out tracks and other labelled
photographs; with --pretrain the seeds above 0 start from a backbone that `evenhand pretrain autonomy/sim --set
seed=SEED` made. A tenth of the training tracks is held out; nothing is chosen by a test picture. WORK keeps every
network, so a measurement that was stopped goes on where it was. --only NAME leaves other settings out ("no real
label", "all real labels", …).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SEEDS = range(3)
STUDENT = {2: 12.706, 3: 4.303}  # 97.5 % quantile of t, by number of seeds
LABELS = (1, 5, 20, "all")
PUBLISHED = (  # second-hand figures, of other simulators than ours and, above the line, of no real label
    ("source only", "79 to 86"),
    ("DANN", "88.7"),
    ("MCD", "94.4"),
    ("VADA", "98.8"),
    ("DIRT-T", "99.5"),
    ("all labels: MicronNet, 0.51 M parameters", "98.9"),
    ("all labels: humans", "98.84"),
    ("all labels: committee of networks", "99.46"),
    ("all labels: enhanced LeNet-5, 0.38 M parameters", "99.84"),
)


class Measured:
    """The lines of WORK/autonomy.jsonl and the networks beside them."""

    def __init__(self, work: Path) -> None:
        self.work, self.file = work, work / "autonomy.jsonl"
        work.mkdir(parents=True, exist_ok=True)
        self.lines = (
            [json.loads(line) for line in self.file.read_text("utf-8").splitlines()] if self.file.exists() else []
        )

    def has(self, what: str, seed: int) -> bool:
        return any((line["what"], line["seed"]) == (what, seed) for line in self.lines)

    def add(self, **line: Any) -> None:
        self.lines.append(line)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(line, flush=True)

    def network(self, what: str, seed: int) -> Path:
        return self.work / f"{seed}-{what.replace(' ', '-')}.safetensors"


def backbone(seed: int, measured: Measured, own: bool) -> Path:
    """The pretrained weights of this seed: the shipped ones, or its own, made where they are not yet."""
    if seed == 0 or not own:
        import evenhand_autonomy

        return Path(evenhand_autonomy.__file__).parent / "weights"
    folder = measured.work / f"sim-{seed}"
    if not measured.has("pretraining", seed):
        command = ["pretrain", "autonomy/sim", "--set", f"seed={seed}", "--out", str(folder)]
        process = subprocess.Popen([sys.executable, "-m", "evenhand", *command], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status):
            raise SystemExit("evenhand pretrain did not finish")
        measured.add(what="pretraining", seed=seed, cpu=usage.ru_utime + usage.ru_stime)
    return next(folder.rglob("model.safetensors")).parent


class Quiet:
    """A run's voice: the settings' own lines, no progress."""

    def log(self, *_: Any, **__: Any) -> None: ...

    def progress(self, done: int, total: int, what: str) -> None:
        if done % 250 == 0:
            print(f"{what}: {done} of {total}, {time.process_time():.0f} CPU s", flush=True)


def measure(data: Path, measured: Measured, seed: int, asked: argparse.Namespace) -> None:
    """Every setting of one seed that is asked for and not there yet."""
    import torch

    import evenhand_autonomy
    from evenhand_autonomy.signs import settings as signs
    from evenhand_autonomy.signs.data import load
    from evenhand_autonomy.weights import read, shipped, write

    names = {signs.SIMULATION: None, signs.UNLABELLED: 0, **{signs.setting_name(k): k for k in ("all", 1, 5, 20)}}
    wanted = [name for name in names if not asked.only or name in asked.only]
    if seed and not asked.pretrain:
        wanted = [name for name in wanted if name != signs.SIMULATION]  # the shipped weights again
    if all(measured.has(name, seed) for name in wanted):
        return
    start = backbone(seed, measured, asked.pretrain)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    (recipe,) = [recipe for recipe in evenhand_autonomy.recipes() if recipe.name == "traffic-sign"]
    recipe = recipe.with_settings([f"seed={seed}", *asked.settings])
    began = time.process_time()
    splits = load(recipe, data)
    fitting = signs.Fitting(recipe, splits, shipped(signs.CLASSES, start), Quiet())
    common = time.process_time() - began
    told = _Answers(fitting, splits)
    unlabelled = None
    for name, labels in names.items():
        began = time.process_time()
        file = measured.network(name, seed)
        if labels != 0 and (measured.has(name, seed) or name not in wanted):
            continue
        if labels is None:
            network = fitting.start
        elif file.exists():
            network = read(file, signs.CLASSES)
        elif labels == 0:
            network = fitting.unlabelled()
        else:
            network = fitting.labelled(unlabelled, labels)
        unlabelled = network if labels == 0 else unlabelled
        own = time.process_time() - began
        if measured.has(name, seed):
            continue
        write(network, file)
        measured.add(what=name, seed=seed, cpu=own, reading_and_rendering=common, **told(network))


class _Answers:
    """How often a network is right: on the held-out tracks, and on the official test pictures."""

    def __init__(self, fitting: Any, splits: Any) -> None:
        import torch

        from evenhand_autonomy.learning import tensor
        from evenhand_autonomy.signs.pictures import pictures_of

        self.fitting = fitting
        self.pictures = tensor(pictures_of(splits.test, fitting.column))
        self.truth = torch.tensor(splits.test[fitting.label])

    def __call__(self, network: Any) -> dict[str, Any]:
        from evenhand_autonomy.learning import logits_of

        right = logits_of(network, self.pictures).argmax(1) == self.truth
        return {
            "right": int(right.sum()),
            "rows": len(right),
            "validation": self.fitting.validation_accuracy(network),
        }


def speed(measured: Measured) -> None:
    """Signs rendered a second, and the latency of naming one sign, each on one core."""
    import numpy as np
    import torch

    from evenhand_autonomy.simulator.banks import render
    from evenhand_autonomy.simulator.classes import CLASSES
    from evenhand_autonomy.weights import shipped

    torch.set_num_threads(1)
    bank = render(9, range(200))  # backgrounds and plates are drawn once
    rates = []
    for part in range(5):
        began = time.process_time()
        render(10 + part, range(300))
        rates.append(300 / (time.process_time() - began))
    network = shipped(CLASSES)
    one = torch.from_numpy(bank.pictures[:1]).permute(0, 3, 1, 2).contiguous()
    took = []
    with torch.inference_mode():
        for number in range(2200):
            wall, cpu = time.perf_counter(), time.process_time()
            network(one)
            if number >= 200:
                took.append((time.perf_counter() - wall, time.process_time() - cpu))
    walls, cpus = (np.array(part) * 1000 for part in zip(*took, strict=True))
    quantiles = {
        f"{what}_p{q:g}": float(np.percentile(values, q))
        for what, values in (("wall_ms", walls), ("cpu_ms", cpus))
        for q in (50, 99, 99.9)
    }
    measured.add(what="speed", seed=0, signs=rates, load=os.getloadavg()[0], **quantiles)


def table(measured: Measured) -> None:
    """Print what was measured, beside what was published."""
    from evenhand_autonomy.signs.intervals import wilson

    print(
        "| setting | seeds | accuracy, mean (95 % over seeds) | seed 0 (95 %, its 2,456 pictures) | held-out tracks"
        " | CPU minutes |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    skipped = ("speed", "pretraining")
    for name in dict.fromkeys(line["what"] for line in measured.lines if line["what"] not in skipped):
        found = sorted((line for line in measured.lines if line["what"] == name), key=lambda line: line["seed"])
        shares = [line["right"] / line["rows"] for line in found]
        lower, upper = wilson(shares[0], found[0]["rows"])
        minutes = statistics.mean(_minutes(line, measured) for line in found)
        held_out = statistics.mean(line["validation"] for line in found)
        inside = f"{shares[0]:.2%} ({lower:.2%} to {upper:.2%})"
        print(f"| {name} | {len(found)} | {_spread(shares)} | {inside} | {held_out:.2%} | {minutes:.1f} |")
    print("\n| published | accuracy, % |\n|---|---:|")
    for name, value in PUBLISHED:
        print(f"| {name} | {value} |")
    for line in measured.lines:
        if line["what"] == "speed":
            _print_speed(line)


def _print_speed(line: dict[str, Any]) -> None:
    rates = sorted(line["signs"])
    print("\n| one core | |\n|---|---:|")
    print(f"| signs rendered a processor second: median (range) | {statistics.median(rates):.0f} ", end="")
    print(f"({rates[0]:.0f} to {rates[-1]:.0f}) |")
    for what, told in (("cpu_ms", "processor"), ("wall_ms", "wall")):
        values = " / ".join(f"{line[f'{what}_p{q}']:.1f}" for q in ("50", "99", "99.9"))
        print(f"| one sign named, {told} ms: median / p99 / p99.9 | {values} |")
    print(f"\nLoad of the machine (2 cores) while it was measured: {line['load']:.1f}.")


def _minutes(line: dict[str, Any], measured: Measured) -> float:
    """Processor minutes of one setting: reading, rendering, and every network that it goes on from."""
    before = [
        other["cpu"]
        for other in measured.lines
        if other["what"] == "no real label" and other["seed"] == line["seed"] and "label" in line["what"]
    ]
    own = 0.0 if line["what"] == "no real label" else line["cpu"]
    return (line["reading_and_rendering"] + sum(before) + own) / 60


def _spread(values: list[float]) -> str:
    mean = statistics.mean(values)
    if len(values) < 2:
        return f"{mean:.2%}"
    half = STUDENT[len(values)] * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:.2%} ({max(mean - half, 0):.2%} to {min(mean + half, 1):.2%})"


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--set", dest="settings", action="append", default=[], help="as of evenhand run")
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--pretrain", action="store_true", help="seeds above 0 have their own backbone")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    measured = Measured(asked.work)
    for seed in asked.seeds if asked.data else ():
        measure(asked.data, measured, seed, asked)
    if asked.speed:
        speed(measured)
    if asked.table:
        table(measured)


if __name__ == "__main__":
    main()
