"""Sex, age, view and pregnancy as records write them, read by stated rules; what none reads is refused, never guessed.

"unknown" is a group of its own: an empty cell, and the codes that say so. Numbers for sex are refused, since 1 is male
in ISO 5218 and female elsewhere, unless `options.sex_codes` says what they mean.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from evenhand import BadInput

UNKNOWN = "unknown"
MISSING = {"", "unknown", "unk", "n/a", "na", "nan", "none", "null", "not known", "not recorded", "?"}
SEXES = {  # DICOM (0010,0040): M, F, O. HL7 v2 table 0001: also A, N, U. FHIR: the words.
    "m": "male",
    "male": "male",
    "f": "female",
    "female": "female",
    "o": "other",
    "other": "other",
    "a": "other",  # ambiguous
    "n": UNKNOWN,  # not applicable
    "u": UNKNOWN,
}
PREGNANCIES = {"0001": "no", "0002": "possible", "0003": "yes", "0004": UNKNOWN}  # DICOM (0010,21C0)
AGE = re.compile(r"(\d{1,4}(?:\.\d+)?)\s*(y|yr|yrs|years?|m|mo|months?|w|wk|weeks?|d|days?)?", re.IGNORECASE)
PER_YEAR = {"y": 1.0, "m": 12.0, "w": 365.25 / 7, "d": 365.25}
OLDEST = 125.0  # years; NIH's first release had patients of 414
BANDS = ((18, "0-17"), (40, "18-39"), (60, "40-59"), (80, "60-79"))
LAST_BAND = "80+"


def _said(value: Any) -> str:
    """The cell as trimmed lower-case text; "" where it says nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    text = str(value).strip().lower()
    return "" if text in MISSING else text


def sex(value: Any, codes: Mapping[str, str] | None = None) -> str:
    """female, male, other or unknown. `codes`: what else the source writes, such as {"1": "male"}.

    >>> sex("F"), sex(" male "), sex("U"), sex(None)
    ('female', 'male', 'unknown', 'unknown')
    """
    known = {**SEXES, **{str(code).strip().lower(): said for code, said in (codes or {}).items()}}
    text = _said(value)
    text = text[:-2] if text.endswith(".0") else text  # a column of numbers with gaps
    if not text:
        return UNKNOWN
    if text not in known:
        raise BadInput(
            f"the sex {value!r} is none of M, F, O, U or their words; say what it means with "
            f'--set options.sex_codes=\'{{ "{text}" = "female" }}\''
        )
    return known[text]


def age(value: Any) -> float | None:
    """Years; None where the age is unknown. "063Y", "011M", "006W", "003D" as DICOM has them; a bare number is years.

    >>> age("063Y"), age("018M"), age(47), age("")
    (63.0, 1.5, 47.0, None)
    """
    text = _said(value)
    if not text:
        return None
    found = AGE.fullmatch(text)
    if not found:
        raise BadInput(f"the age {value!r} is no number with Y, M, W or D behind it (063Y, 018M, 47); mend or empty it")
    years = float(found[1]) / PER_YEAR[(found[2] or "y")[0]]
    if years > OLDEST:
        raise BadInput(f"the age {value!r} is beyond {OLDEST:g} years; mend or empty it")
    return years


def age_band(value: Any) -> str:
    """The band of an age in years, or unknown; an edge belongs to the band above.

    >>> age_band("063Y"), age_band("017Y"), age_band("unknown")
    ('60-79', '0-17', 'unknown')
    """
    years = age(value)
    if years is None:
        return UNKNOWN
    return next((name for edge, name in BANDS if years < edge), LAST_BAND)


def pregnancy(value: Any) -> str:
    """no, possible, yes or unknown, from DICOM's four codes.

    >>> pregnancy("0003"), pregnancy(4), pregnancy(None)
    ('yes', 'unknown', 'unknown')
    """
    text = _said(value).removesuffix(".0")
    if not text:
        return UNKNOWN
    if text.zfill(4) not in PREGNANCIES:
        raise BadInput(f"the pregnancy status {value!r} is none of DICOM's 0001 to 0004; mend or empty it")
    return PREGNANCIES[text.zfill(4)]


def category(value: Any) -> str:
    """A view, race or site as it is written, trimmed; unknown where it is not."""
    return str(value).strip() if _said(value) else UNKNOWN


def column(values: Iterable[Any], name: str, read: Callable[[Any], str]) -> list[str]:
    """`read` of each value; BadInput names the column and the row."""
    found = []
    for row, value in enumerate(values):
        try:
            found.append(read(value))
        except BadInput as wrong:
            raise BadInput(f"column '{name}', row {row + 1}: {wrong}") from None
    return found
