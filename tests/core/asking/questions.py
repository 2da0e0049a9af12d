"""Every question that can be asked, for property tests."""

from hypothesis import strategies as st

from evenhand import Question

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NAMES = st.lists(TEXTS, max_size=3)
MAYBE = st.none() | TEXTS
FINITE = st.floats(allow_nan=False, allow_infinity=False)
EDGES = st.lists(FINITE.map(lambda x: x + 0.0), min_size=1, max_size=4, unique=True).map(sorted)
QUESTIONS = st.builds(
    Question,
    sensitive=NAMES,
    label=MAYBE,
    score=MAYBE,
    prediction=MAYBE,
    threshold=st.none() | st.floats(0, 1),
    positive=st.none() | TEXTS | st.integers() | st.booleans() | FINITE,
    positive_prediction=st.none() | TEXTS | st.integers() | st.booleans(),
    favourable=st.none() | TEXTS | st.integers() | st.booleans(),
    cluster=MAYBE,
    task=st.sampled_from([None, "binary", "multiclass", "regression", "selection"]),
    tolerance=st.floats(0, 9) | st.dictionaries(TEXTS, st.floats(0, 9), max_size=3),
    policy=st.sampled_from([None, "us-four-fifths", "nyc-ll144"]),
    metrics=NAMES,
    reference=st.dictionaries(TEXTS, TEXTS | st.integers() | st.booleans() | FINITE, max_size=3),
    intersections=st.integers(1, 3),
    bins=st.dictionaries(TEXTS, st.integers(2, 100) | st.just("each") | EDGES, max_size=3),
    names=st.dictionaries(TEXTS, TEXTS.filter(str.strip), max_size=3),
    top=st.none() | st.integers(1, 10**6) | st.floats(0, 1, exclude_min=True, exclude_max=True),
    slices=NAMES,
    mitigation=st.sampled_from(["sweep", "fairlearn"]),
    confidence=st.floats(0.5, 0.999999, exclude_min=True),
    exact=st.booleans(),
    replicates=st.integers(200, 1_000_000),
    seed=st.integers(0, 2**40),
    title=MAYBE,
)
