"""Which decision is good for the person: what being selected means, and what rules on selection compare.

A loan approved and a loan denied are the same decision in other words. Rules such as the four-fifths rule speak of the
selected as those who fare well; where being selected is unfavourable they are about those who are not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evenhand.asking.question import Question
from evenhand.auditing.question.policy import Policy
from evenhand.auditing.table.labels import CLEARLY_POSITIVE, plain
from evenhand.auditing.table.rows import AuditTask, Rows
from evenhand.auditing.table.top import Top
from evenhand.errors import BadInput, did_you_mean, typed

WORDS = ("positive", "negative")
MIRRORED = {"tpr": "tnr", "tnr": "tpr", "fpr": "fnr", "fnr": "fpr", "ppv": "npv", "npv": "ppv"}
SHOWN = 60  # characters of a column's or a value's name
Values = Sequence[tuple[str, ...]]  # of the decision and of the label, each column's own


@dataclass(frozen=True, slots=True)
class Favourable:
    """What audit.json says of it. decision: which of the two is favourable. stated: whether somebody said so."""

    decision: str
    stated: bool
    selected: str  # what being selected means: "deny = yes"
    favoured: str  # the favourable decision: "deny = no"
    says: str

    def described(self) -> dict[str, Any]:
        """For the plan."""
        return asdict(self)


def find_favourable(
    rows: Rows,
    task: AuditTask,
    asked: Question,
    policy: Policy | None,
    positives: tuple[list[Any], list[Any] | None],
    top: Top | None,
    threshold: float | None,
) -> Favourable | None:
    """The favourable decision of a yes-or-no audit; None for another. The question's word goes before the policy's.

    positives: the label's values that mean yes, and the prediction's (None where the score decides).
    """
    if task not in ("binary", "selection"):
        if asked.favourable is not None:
            raise BadInput(f"a {task} audit has no yes-or-no decision that could be favourable; drop --favourable")
        return None
    yes = {plain(value) for found in positives for value in found or ()}
    if asked.positive is not None:
        yes.add(plain(asked.positive))
    roles = [role for role in ("prediction", "label") if getattr(rows.roles, role) is not None]
    values = [tuple(sorted({plain(value) for value in rows.values(role)})) for role in roles]
    said = policy.favourable if asked.favourable is None and policy is not None else asked.favourable
    decision = "positive" if said is None else read_favourable(said, yes, values)
    means = _selected(rows, positives, top, threshold)
    others = _others(yes, values[0]) if values else []
    favoured = means if decision == "positive" else _refused(rows, others, means)
    leans = policy is not None and said is None and _leans(policy)
    says = _sentence(means, favoured, decision if said is not None else "", leans, others)
    return Favourable(decision, said is not None, means, favoured, says)


def read_favourable(said: Any, yes: Collection[str], values: Values) -> str:
    """ "positive" or "negative": which of them `said` is, a value of one of the columns or the word itself.

    yes: what means yes. values: of each column. Raises BadInput where that is not clear.

    >>> read_favourable("no", {"yes"}, [("no", "yes")]), read_favourable("positive", {"yes"}, [("no", "yes")])
    ('negative', 'positive')
    """
    wanted, known = plain(said), [name for names in values for name in names]
    for spelt in (str, str.lower):
        if spelt(wanted) in map(spelt, yes):
            return "positive"
        if [spelt(wanted)] in [list(map(spelt, _others(yes, names))) for names in values]:
            return "negative"
    if wanted.lower() in WORDS:
        return wanted.lower()
    if any(CLEARLY_POSITIVE.get(name.lower()) == wanted.lower() for name in yes):
        return "negative"  # which no row has
    if wanted in known:
        raise BadInput(
            f"'{wanted}' is one of several decisions that are not {' or '.join(sorted(yes))}, so whether those are "
            "favourable is not clear; say positive or negative (--favourable)"
        )
    listed = ", ".join(f"'{name}'" for name in dict.fromkeys([*known, *WORDS]))
    raise BadInput(
        f"the favourable decision '{wanted}' is not among the decisions and labels; it is one of {listed}."
        f"{did_you_mean(wanted, [*known, *WORDS])} (--favourable)"
    )


def mirrored(policy: Policy, favourable: Favourable | None) -> Mapping[str, float]:
    """The policy's tolerances, in words of the audit's own positive decision.

    A policy that names no favourable decision calls it positive; so where the negative one is favourable, its true
    positive rate is the audit's true negative rate.
    """
    if favourable is None or favourable.decision == "positive" or policy.favourable is not None:
        return policy.tolerance
    return {MIRRORED.get(name, name): gap for name, gap in policy.tolerance.items()}


def _leans(policy: Policy) -> bool:
    """Whether the policy would say something else were the other decision favourable."""
    return bool(policy.ratio) or {MIRRORED.get(name, name) for name in policy.tolerance} != {*policy.tolerance}


def _others(yes: Collection[str], names: Iterable[str]) -> list[str]:
    return [name for name in names if name not in yes]


def _selected(
    rows: Rows, positives: tuple[list[Any], list[Any] | None], top: Top | None, threshold: float | None
) -> str:
    roles, (labels, decisions) = rows.roles, positives
    if top is not None:
        return f"among the best by {_short(roles.score)}"
    label = f"{_short(roles.label)} = {_listed(labels)}" if labels else ""
    if roles.prediction is not None:
        decision = f"{_short(roles.prediction)} = {_listed(decisions or ['positive'])}"
        return f"{decision} (predicting {label})" if label else decision
    return label or f"{_short(roles.score)} of at least {threshold:g}"


def _refused(rows: Rows, others: list[str], means: str) -> str:
    column = rows.roles.prediction or rows.roles.label
    return f"{_short(column)} = {_short(others[0])}" if column is not None and len(others) == 1 else f"not {means}"


def _sentence(means: str, favoured: str, decision: str, leans: bool, others: list[str]) -> str:
    start = f"Here selected means {means}"
    if decision == "positive":
        return f"{start}, which is favourable."
    if decision == "negative":
        return f"{start}, which is unfavourable; what is favourable is {favoured}."
    if leans:
        whole = len(others) == 1 and _short(others[0]) == others[0]
        other = others[0] if whole else "negative"
        return (
            f"{start}, which is taken as favourable, because nothing was said; "
            f"if that is unfavourable, say {typed('--favourable', other)}."
        )
    return f"{start}."


def _listed(values: Sequence[Any]) -> str:
    return " or ".join(sorted(_short(plain(value)) for value in values))


def _short(name: str | None) -> str:
    text = " ".join(str(name).split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
