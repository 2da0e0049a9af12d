"""What is counted where a decision is a diagnosis: the sick who are called healthy, and the healthy called sick."""

from evenhand import rate_metric

UNDERDIAGNOSIS = rate_metric(
    "underdiagnosis",
    of="fn",
    among=("fn", "tp"),
    better="lower",
    label="underdiagnosis",
    source="Seyyed-Kalantari et al. 2021, Nature Medicine 27",
    says="share of the sick whom the model calls healthy, so that nobody looks again",
    event="are sick and called healthy",
)
OVERDIAGNOSIS = rate_metric(
    "overdiagnosis",
    of="fp",
    among=("fp", "tn"),
    better="lower",
    label="overdiagnosis",
    source="Seyyed-Kalantari et al. 2021, Nature Medicine 27",
    says="share of the healthy whom the model calls sick",
    event="are healthy and called sick",
)
DIAGNOSIS = (UNDERDIAGNOSIS, OVERDIAGNOSIS)
