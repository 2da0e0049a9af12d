"""A run's model as parts that can leave evenhand: networks and trees, how each reads rows, and what joins them.

What cannot be converted honestly is refused, in a sentence that names the kind of model and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from evenhand.adapting.corrected import Corrected, Correction
from evenhand.adapting.models import MeanModel, NetworkModel, ProbeModel, SimpleModel
from evenhand.adapting.tables.each_label import EachLabel
from evenhand.adapting.tables.members import REACH, InContext, Linear, Trees
from evenhand.adapting.tables.model import TableModel
from evenhand.adapting.windows import Windowed
from evenhand.errors import BadInput
from evenhand.portable import Portable
from evenhand.values import Adapted

INSTEAD = "take --format mlflow, which keeps evenhand's own files"


@dataclass(frozen=True, slots=True)
class Part:
    """One file to be. weight: of its scores in the sum; places: (its column, the model's) of each that counts."""

    portable: Portable
    weight: float
    places: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """The whole model. correction: what is done to the sum; features: whether the first part gives features too."""

    parts: tuple[Part, ...]
    outputs: int
    correction: Correction | None = None
    features: bool = False
    tokenizers: dict[int, Any] = field(default_factory=dict)  # of each part that reads texts


def parts_of(adapted: Adapted) -> Parts:
    """The parts of the adapted model; BadInput where one has no honest conversion."""
    outputs = max(1, len(adapted.classes))
    if adapted.deciding is not None:
        raise BadInput(
            "the recipe's mitigation decides by a rule of its own, which stays with evenhand: a file would give scores"
            f" alone; take mitigation.method = reweight, reductions, dfr or augment, or {INSTEAD}"
        )
    model, correction = adapted.model, None
    if isinstance(model, Corrected):
        if model.columns is not None:
            raise BadInput(
                "the model is a source model with a probe of the inputs on top (evenhand adapt), which has no"
                f" conversion; {INSTEAD}"
            )
        model, correction = model.base, model.correction
    wants = adapted.scope is not None and "distance" in adapted.scope.kind
    if wants and not (isinstance(model, ProbeModel) and model.encoder.identity == adapted.scope.encoder.identity):
        raise BadInput(
            "rows of no class are told by another encoder than the model's own (abstain), and both would have to be"
            f" exported; take finetune.strategy = probe or abstain.by = probability, or {INSTEAD}"
        )
    tokenizers: dict[int, Any] = {}
    found = []
    for number, (portable, weight, places, tokenizer) in enumerate(_parts(model, outputs, wants)):
        found.append(Part(portable, weight, places))
        if tokenizer is not None:
            tokenizers[number] = tokenizer
    return Parts(tuple(found), outputs, correction, wants, tokenizers)


Found = tuple[Portable, float, tuple[tuple[int, int], ...], Any]


def _parts(model: Any, outputs: int, features: bool = False) -> Iterable[Found]:
    """(portable, weight, places, tokenizer) of each part."""
    every = tuple((place, place) for place in range(outputs))
    if isinstance(model, MeanModel):
        for member, weight in zip(model.members, model.weights, strict=True):
            for portable, inner, places, tokenizer in _parts(member, outputs):
                yield portable, inner * weight / sum(model.weights), places, tokenizer
    elif isinstance(model, ProbeModel):
        yield _probe(model, features), 1.0, every, _tokenizer(model.encoder)
    elif isinstance(model, NetworkModel):
        yield _network(model), 1.0, every, _tokenizer(model.encoder)
    elif isinstance(model, TableModel):
        yield from _table(model)
    elif isinstance(model, EachLabel):
        for label, one in enumerate(model.models):
            for portable, weight, places, _ in _table(one):
                mine = tuple((mine, label) for mine, klass in places if klass == 1)
                yield portable, weight, mine, None
    elif callable(getattr(model, "portable", None)):
        yield _own(model), 1.0, every, None
    else:
        raise BadInput(_refusal(model))


def _refusal(model: Any) -> str:
    kind = type(model).__name__
    if isinstance(model, Windowed):
        return (
            "the model reads long texts in windows (finetune.windows), and cutting texts is no part of a network;"
            f" train without windows, or {INSTEAD}"
        )
    if isinstance(model, SimpleModel):
        return (
            "the model averages in words (TF-IDF and logistic regression), which no ONNX operator and no torch module"
            f" computes as scikit-learn does; train with --set finetune.words=never, or {INSTEAD}"
        )
    if hasattr(model, "get_params"):
        return f"the model is scikit-learn's {kind}, which is no network; {INSTEAD}"
    return f"the model is a {kind} of a plugin, which says no conversion of itself (a method portable()); {INSTEAD}"


def _probe(model: ProbeModel, features: bool) -> Portable:
    from evenhand.deploying.exporting.modules import Probed

    encoder: Any = model.encoder
    return Portable(_reads(model), Probed(encoder.body, model.head, model.task, features))


def _network(model: NetworkModel) -> Portable:
    from evenhand.deploying.exporting.modules import Probed, Tuned

    partner = model.partner
    body: Any = model.encoder
    probed = None if partner is None else Probed(body.body, partner.head, model.task, False)
    return Portable(_reads(model), Tuned(model.network, model.task, probed))


def _reads(model: ProbeModel | NetworkModel) -> dict[str, Any]:
    encoder: Any = model.encoder
    columns = list(model.schema.input)
    if encoder.modality == "text":
        return {"kind": "text", "column": columns, "max_length": encoder.max_length}
    if encoder.modality == "image":
        said = {"size": encoder.size, "mean": list(encoder.mean), "deviation": list(encoder.deviation)}
        return {"kind": "image", "column": columns[0], **said}
    raise BadInput(f"the model reads {encoder.modality} rows by an encoder that has no conversion; {INSTEAD}")


def _tokenizer(encoder: Any) -> Any:
    if encoder.modality != "text":
        return None
    if not getattr(encoder.tokenizer, "is_fast", False):
        raise BadInput(f"the backbone's tokenizer is code, not a file (no tokenizer.json); {INSTEAD}")
    return encoder.tokenizer.backend_tokenizer


def _table(model: TableModel) -> Iterable[Found]:
    from evenhand.deploying.exporting.boosting import trees_of

    features = model.columns.as_dict()["features"]
    for member in model.members:
        reads: dict[str, Any] = {"kind": "columns", "features": features}
        seen = [int(place) for place in member.seen]
        places = tuple(enumerate(seen))
        if isinstance(member, Trees):
            portable = replace(trees_of(member.estimator), reads=reads | {"double": True})
        elif isinstance(member, Linear):
            from evenhand.deploying.exporting.modules import Design

            task = "regression" if len(member.seen) == 1 else ""
            portable = Portable(reads, Design(member.head, member.levels, member.spread, REACH, task))
        else:
            assert isinstance(member, InContext)
            raise BadInput(
                "the model is the tabular backbone with its context (in-context), which reads training rows whenever it"
                f" predicts; train with --set finetune.strategy=trees or =linear, or {INSTEAD}"
            )
        yield portable, 1 / len(model.members), places, None


def _own(model: Any) -> Portable:
    from evenhand.adapting.own_models import blamed
    from evenhand.errors import PluginFault

    kind = type(model)
    with blamed(kind, "portable"):
        found = model.portable()
    if not isinstance(found, Portable):
        raise PluginFault(f"{kind.__name__}.portable gave a {type(found).__name__}, not an evenhand.Portable")
    return found
