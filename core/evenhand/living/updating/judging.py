"""Whether an update may take the champion's place: both periods' test rows, paired, group by group."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from evenhand.files import own
from evenhand.living import promoting
from evenhand.living.updating import measuring, strategies, telling
from evenhand.living.updating.corridor import Corridor
from evenhand.living.updating.measuring import CHAMPION, MERIT, PERIODS
from evenhand.recorded.words import SECTIONS
from evenhand.running.walking import Outcome

PROMOTE, REFUSE = "may be promoted", "refused"


def judge(corridor: Corridor) -> Outcome:
    """Transfers of every strategy, and whether the chosen one leaves a group worse off than the champion does."""
    run, recipe, folder = corridor.run, corridor.recipe, own(corridor.run.path, "measured")
    every = (CHAMPION, *corridor.names)
    audits = {
        f"{period}-{name}": json.loads((folder / f"{period}-{name}.json").read_text("utf-8"))
        for period in PERIODS
        for name in every
    }
    compared: dict[str, dict[str, Any]] = {period: {} for period in PERIODS}
    for period in PERIODS:
        for name in corridor.names:
            one = recipe, corridor.splits(period), folder, period, name, corridor.scorer.plugins
            compared[period][name] = measuring.paired(*one)[1]
    classes = len(corridor.scorer.adapted.classes)
    transfers = {name: measuring.transfers(recipe, audits, compared, name, classes) for name in corridor.names}
    chosen = run.read_json("choice.json")
    about = _about(corridor, audits, transfers, chosen)
    mine = {period: both[chosen["chosen"]] for period, both in compared.items() if chosen["chosen"] in both}
    about |= _verdict(corridor, mine, chosen["chosen"])
    about["says"] = telling.sentences(about)
    run.write("update.json", json.dumps(about, indent=1, default=str) + "\n")
    sections = [asdict(section) for section in telling.sections(about)]
    run.write(SECTIONS, json.dumps(sections, indent=1) + "\n")
    return Outcome()


def _about(
    corridor: Corridor, audits: Mapping[str, Any], transfers: Mapping[str, Any], choice: Mapping[str, Any]
) -> dict[str, Any]:
    """What is known of every model."""
    recipe, metric = corridor.recipe, MERIT[corridor.recipe.task]
    gap = measuring.gap_asked(recipe, audits[f"old-{CHAMPION}"])
    stages = corridor.run.manifest["stages"]
    models = {
        name: {
            **{period: measuring.value_of(audits[f"{period}-{name}"], metric) for period in PERIODS},
            **{f"gap_{period}": measuring.gap_value(recipe, audits[f"{period}-{name}"], gap) for period in PERIODS},
            "validation": choice["log_loss"][name],
            "seconds": stages[f"fit-{name}"]["seconds"] if name != CHAMPION else None,
            "how": stages[f"fit-{name}"]["says"] if name != CHAMPION else "as it is",
        }
        for name in (CHAMPION, *corridor.names)
    }
    rows = {
        f"{p}_{part}": len(getattr(corridor.splits(p), part))
        for p in PERIODS
        for part in ("train", "validation", "test")
    }
    left = (
        strategies.left_out(corridor.scorer.adapted, corridor.scorer.recipe) if corridor.asked.strategy == "all" else {}
    )
    return {
        "merit": metric,
        "gap": gap,
        "chosen": choice["chosen"],
        "models": models,
        "transfers": dict(transfers),
        "rows": {**rows, "buffer": corridor.ground.buffer},
        "left_out": left,
    }


def _verdict(corridor: Corridor, compared: Mapping[str, Any], chosen: str) -> dict[str, Any]:
    """Whether a group is proven worse on either period."""
    if chosen == CHAMPION:
        return {"verdict": "keep the champion", "worse": [], "worse_says": [], "judged": 0, "unproven": 0}
    margins = promoting.margins_of(corridor.recipe)
    worse = promoting.proven_worse(compared, margins, corridor.asked.margin)
    changes = [c for both in compared.values() for c in both["changes"] if c["better"]]
    return {
        "verdict": REFUSE if worse else PROMOTE,
        "worse": [asdict(one) for one in worse],
        "worse_says": [str(one) for one in worse],
        "margin": {**margins, "others": corridor.asked.margin},
        "judged": len(changes),
        "unproven": sum(c["verdict"] == "not enough evidence" for c in changes),
        "gaps_wider": [g for both in compared.values() for g in both["gaps"] if g["verdict"] == "worse"],
    }
