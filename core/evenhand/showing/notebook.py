"""An audit in a few lines: its repr, and the fragment of HTML that stands below a notebook's cell.

The fragment brings no style sheet and no script: what it needs stands in `style` attributes, so that nothing around it
changes, and its colours are those of the page it stands in, but for the verdicts', which can be read on light and dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import accumulate
from typing import Any

from evenhand.console import visible
from evenhand.figures import difference, figure, span, stated
from evenhand.reporting.formatting import by_severity, clean, is_share, short, tally

LINES = 4  # verdicts in a repr
ROOM = 5_600  # bytes of a fragment: some 10 rows of usual names
NAME, ASKED, SENTENCE = 200, 600, 1_000  # bytes of a text, as HTML, before it is cut
COLOURS = {"exceeded": "#b3261e", "not enough evidence": "#7a5a00", "within": "#1e6b3a"}  # white on them: 5.9 and more

BOX = "font:14px/1.45 system-ui,sans-serif;max-width:60em;text-align:left;overflow-x:auto"
SOFT = "opacity:.75"
TABLE = "border-collapse:collapse;margin:.5em 0;font-size:13px"
LINE, CELL = "border-top:1px solid #8886", "text-align:left;padding:.3em .9em .3em 0;white-space:normal"
PILL = "color:#fff;border-radius:3px;padding:.05em .5em;white-space:nowrap;background:"


def in_lines(data: Mapping[str, Any]) -> str:
    """What was asked of how many rows, the verdict, and the verdicts one by one as far as they fit.

    Audit of loans.csv: champion against repaid by sex and region, 1,500 rows: exceeded (1 exceeded, 1 within)
    """
    head = f"{short(data['title'])}: {_asked(data)}, {_size(data)}: {_answer(data)}"
    rows = by_severity([*data["verdicts"]])
    said = [f"  {row['verdict']}: {_subject(row)}, {_in_words(data, row)}" for row in rows[:LINES]]
    more = [f"  … and {len(rows) - LINES} more: .verdicts()"] if len(rows) > LINES else []
    return "\n".join(visible(line) for line in [head, *said, *more])


def fragment(data: Mapping[str, Any]) -> str:
    """The same as HTML under 6 KB, whatever names the data has."""
    data = clean(dict(data))
    head = (
        f'<div style="{BOX}"><div><b>{_text(short(data["title"]))}</b></div>'
        f'<div style="{SOFT}">{_text(_asked(data), ASKED)}, {_size(data)}</div>'
        f'<div style="margin:.5em 0">{_pill(data["verdict"], _answer(data))}</div>'
    )
    end = f'<div style="{SOFT};font-size:12px">{_more(data)}</div></div>'
    rows = by_severity([*data["verdicts"]]) or [*_unjudged(data)]
    if not rows:
        return head + end
    says = _sentence(data, rows[0])
    selected = f'<div style="font-size:13px">{_text(_selected(data), ASKED)}</div>' if _selected(data) else ""
    room = ROOM - sum(len(part.encode()) for part in (head, says, selected, end))
    return head + says + _table([_row(data, row) for row in rows], room) + selected + end


def _asked(data: Mapping[str, Any]) -> str:
    """ "champion against repaid by sex and region": what was compared by what."""
    question = data["question"]
    decides = question["prediction"] or question["score"]
    truth = question["label"] or _listed(question.get("labels") or ())
    against = f" against {short(truth)}" if truth else ""
    return f"{short(decides)}{against} by {_listed(question['sensitive'])}"


def _listed(names: Iterable[str]) -> str:
    found = [short(name) for name in names]
    shown = found if len(found) <= 3 else [*found[:3], f"{len(found) - 3} more"]
    return " and ".join(part for part in (", ".join(shown[:-1]), *shown[-1:]) if part)


def _size(data: Mapping[str, Any]) -> str:
    used, rows = data["data"]["rows_used"], data["data"]["rows"]
    return f"{used:,} of {rows:,} rows" if used != rows else f"{rows:,} rows"


def _answer(data: Mapping[str, Any]) -> str:
    """ "exceeded (1 exceeded, 2 within)"; without a tolerance that nothing was judged."""
    if data["verdict"]:
        return f"{data['verdict']} ({tally([*data['verdicts']])})"
    why = "the policy sets no limit" if data["question"]["policy"] else "no tolerance was given"
    return f"nothing was judged: {why}"


def _in_words(data: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """ "18.2 points (11.0 to 25.5 points), tolerance 5 points"."""
    gap, limits, tolerance = _numbers(data, row)
    return f"{gap} ({limits}), {tolerance}" if row["value"] is not None else "no number"


def _numbers(data: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[str, str, str]:
    """The gap, its limits, and what was tolerated, of a verdict or a gap."""
    share = is_share(dict(data), row["metric"])
    if row.get("kind") == "ratio":  # a policy's, of the lowest group to the highest
        least = "" if row["tolerance"] is None else f"at least {figure(row['tolerance'], False)}"
        return f"ratio {figure(row['value'], False)}", span(row["lower"], row["upper"], False), least
    most = "" if row["tolerance"] is None else f"tolerance {stated(row['tolerance'], share)}"
    return difference(row["value"], share), span(row["lower"], row["upper"], share, ""), most


def _subject(row: Mapping[str, Any]) -> str:
    return f"{row['metric']} by {short(row['attribute'])}"


def _unjudged(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The largest gaps where nothing was judged, with limits that hold together."""
    for part in data["attributes"]:
        for gap in part["gaps"]:
            if gap["kind"] == "largest":
                limits = {"lower": gap["lower_simultaneous"], "upper": gap["upper_simultaneous"]}
                yield {"attribute": part["name"], **gap, **limits}


def _row(data: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    gap, limits, tolerance = _numbers(data, row)
    between = f"{short(row['group'])} and {short(row['versus'])}" if row["group"] is not None else ""
    cells = [
        _pill(row["verdict"], row["verdict"]) if row["verdict"] else "",
        _text(_subject(row)),
        f"<b>{_text(gap)}</b>" + (f" ({_text(limits)})" if row["value"] is not None else ""),
        _text(between),
        _text(tolerance),
    ]
    shown = (f'<td style="{CELL}">{cell}</td>' for cell in cells if row["verdict"] or cell)
    return f'<tr style="{LINE}">{"".join(shown)}</tr>'


def _table(rows: list[str], room: int) -> str:
    """As many rows as there is room for, and how many are left out."""
    head, end = f'<table style="{TABLE}"><tbody>', "</tbody></table>"
    left = room - len(head) - len(end) - 100
    shown = []
    for row in rows:
        left -= len(row.encode())
        if left < 0:
            break
        shown.append(row)
    more = f'<div style="{SOFT}">… and {len(rows) - len(shown):,} more</div>' if len(shown) < len(rows) else ""
    return f"{head}{''.join(shown)}{end}{more}"


def _sentence(data: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    return f"<div>{_text(row['says'], SENTENCE)}</div>" if data["verdict"] else ""


def _selected(data: Mapping[str, Any]) -> str:
    """What being selected means, and whether that is favourable: nobody must guess it."""
    return str((data["question"].get("favourable") or {}).get("says", ""))


def _more(data: Mapping[str, Any]) -> str:
    notes = len(data["notes"])
    noted = f"{notes} note{'s' if notes > 1 else ''} in <code>.data['notes']</code>. " if notes else ""
    names = ", ".join(f"<code>.{name}()</code>" for name in ("verdicts", "groups", "gaps"))
    return f"{noted}Tables: {names}. Picture: <code>.plot()</code>. The whole page: <code>.save('report')</code>."


def _pill(verdict: str | None, words: str) -> str:
    return f'<span style="{PILL}{COLOURS.get(str(verdict), "#5f6368")}">{_text(words)}</span>'


def _text(value: Any, most: int = NAME) -> str:
    """The text on one line, as HTML, at a length that leaves room for what stands beside it."""
    signs = [escape(sign) for sign in visible(" ".join(str(value)[:most].split()))]
    ends = [*accumulate(len(sign.encode()) for sign in signs)]
    fits = sum(end <= most for end in ends)
    whole = fits == len(signs) and len(str(value)) <= most
    return "".join(signs[:fits]) + ("" if whole else "…")
