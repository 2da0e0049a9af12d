"""The report: safe whatever it is told, complete, and readable in a browser without a network."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_audits import HOSTILE, audit_of

import evenhand
from evenhand.reporting import formatting, junit_xml, model_card, render_audit, render_run


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.attributes = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += [name for name, _ in attrs]


def tags(page):
    parser = Tags()
    parser.feed(page)
    return parser


def test_hostile_names_stay_text():
    page = render_audit(audit_of(HOSTILE[:-1], column="<script>", title="<script>alert(2)</script>"))
    found = tags(page)
    assert found.seen.count("script") == 2  # the page's own script and its data
    assert "img" not in found.seen
    assert "b" not in found.seen
    assert not [name for name in found.attributes if name.startswith("on") or name == "style"]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_no_name_makes_a_tag(name):
    plain = tags(render_audit(audit_of(["a", "b"], n=10)))
    named = tags(render_audit(audit_of([name, "b"], n=10, title=name)))
    assert set(named.seen) <= set(plain.seen)


def test_the_policy_lets_in_only_the_pages_own_blocks():
    page = render_audit(audit_of(["f", "m"]))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page).group(1).replace("&#39;", "'")
    assert "default-src 'none'" in policy
    for tag in ("style", "script"):
        block = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.S).group(1)
        assert base64.b64encode(hashlib.sha256(block.encode()).digest()).decode() in policy
    assert not re.search(r'(src|href)="(?!#)', page)


def test_forty_groups_stay_under_two_megabytes():
    page = render_audit(audit_of([f"group {i}" for i in range(40)], n=60, intersections=2))
    assert len(page.encode()) < 2_000_000


def test_undefined_is_said_and_never_zero():
    frame = pl.DataFrame({"y": [0] * 50 + [0, 1] * 50, "p": [0, 1] * 75, "g": ["none"] * 50 + ["some"] * 100})
    data = evenhand.audit(frame, label="y", prediction="p", sensitive="g").data
    page = render_audit(data)
    assert "undefined: no positive labels in this group" in page


def test_without_a_tolerance_nothing_is_judged():
    data = {**audit_of(["f", "m"]), "verdicts": [], "verdict": None}
    assert "so nothing was judged" in render_audit(data)


def test_the_page_never_certifies():
    page = render_audit(audit_of(["f", "m"])).lower()
    assert "compliant" not in page
    assert "not legal advice" in page


def test_junit_parses_and_counts():
    data = audit_of(["a\x00b", "<m>"])
    suite = ElementTree.fromstring(junit_xml(data)).find("testsuite")
    assert int(suite.get("tests")) == len(data["verdicts"])
    skipped = [v for v in data["verdicts"] if v["verdict"] == "not enough evidence"]
    assert len(suite.findall("testcase/skipped")) == len(skipped)


def test_a_model_card_keeps_its_head_and_tables_whole():
    data = audit_of(["f", "m"], title="a: b\n---\n# <script>")
    card = model_card(
        data,
        [],
        {"command": "evenhand run x"},
        [{"title": "T|", "text": "", "header": ("a|b",), "rows": (("x|y",),)}],
        [("about", None, "o")],
    )
    assert card.split("---")[0] == ""
    assert "<script>" not in card.split("\n---\n", 1)[1]
    assert "x\\|y" in card


def test_a_run_says_whether_adapting_helped():
    metric = {
        "value": -0.2,
        "lower": -0.3,
        "upper": -0.1,
        "n": 100,
        "unit": "",
        "better": "higher",
        "model": "adapted",
        "says": "",
        "name": "accuracy_gain",
    }
    page = render_run(None, [metric], {"recipe": "a/b"}, [], [])
    assert "No: the best baseline is right more often" in page


def test_text_that_no_file_can_hold_is_replaced():
    data = {**audit_of(["f", "m"]), "title": "a\ud800b\x00c 🙂"}
    assert "a\ufffdb" in render_audit(data).encode().decode()
    ElementTree.fromstring(junit_xml(data))
    yaml = pytest.importorskip("yaml")
    head = yaml.safe_load(model_card(data, [], {}, [], []).split("---")[1])
    assert head["model-index"][0]["name"] == "a\ufffdb\ufffdc 🙂"


def test_a_shortened_name_stands_whole_at_the_end():
    page = render_audit(audit_of(["f", "the long name of a group " * 20, "x" * 30_000]))
    listed = page[page.index("Names in full") :]
    assert ("the long name of a group " * 20).strip() in listed
    assert "x" * 20_000 + "…" in listed
    assert "Names in full" not in render_audit(audit_of(["f", "m"]))


def test_what_is_exceeded_stands_first_and_is_drawn_beside_its_tolerance():
    data = audit_of(["a", "b", "c"])
    one = data["verdicts"][0]
    data["verdicts"] = [{**one, "verdict": word, "says": word} for word in ["within"] * 8 + ["exceeded"]]
    page = render_audit(data)
    assert "1 exceeded, 8 within" in page
    assert page.index("<p>exceeded</p>") < page.index("<p>within</p>")
    assert page.count('class="limit"') == 9
    assert "3 more: 3 within" in page


def test_a_policy_is_named_with_its_dates_and_its_ratios_are_shown():
    frame = pl.DataFrame({"p": [1] * 80 + [0] * 20 + [1] * 20 + [0] * 80, "g": ["a"] * 100 + ["<b>"] * 100})
    data = evenhand.audit(frame, prediction="p", sensitive="g", policy="us-four-fifths").data
    page = render_audit(data)
    assert "us-four-fifths" in page
    assert "in force from 1978-09-25" in page
    assert "below 0.800" in page
    assert "&lt;\u00a00.001" in page
    assert "<b>" not in page
    assert "compliant" not in page


def everything():
    """An audit whose report has every section: bins with a trend, slices, missing groups, thresholds, a policy's
    ratios."""
    total = 3_000
    frame = pl.DataFrame(
        {
            "y": [int((i * 7919) % 100 < 30 + (i % 60) // 2) for i in range(total)],
            "s": [((i * 37) % 100) / 100 for i in range(total)],
            "age": [18 + i % 60 for i in range(total)],
            "sex": [("f", "m", None)[(i * 31) % 7 % 3] for i in range(total)],
            "site": [f"<i>{(i * 13) % 5}" for i in range(total)],
        }
    ).with_columns(y=pl.when(pl.col("site") == "<i>1").then(1 - (pl.col("s") > 0.5).cast(pl.Int64)).otherwise("y"))
    return evenhand.audit(
        frame,
        label="y",
        score="s",
        sensitive=["sex", "age"],
        bins={"age": [30, 50]},
        slices=["site"],
        intersections=2,
        tolerance={"tpr": 0.1},
        policy="us-four-fifths",
    ).data


def test_every_section_is_there_and_what_the_data_name_is_escaped():
    page = render_audit(everything())
    for heading in (
        "Groups nobody named that fare worse",
        "Along <bdi>age</bdi>",
        "the group is not known",
        "Spread between all groups",
        "What other thresholds would do",
        "Impact ratios",
        "What if the decision threshold moved?",
    ):
        assert heading in page, heading
    assert "<i>1" not in page
    assert "&lt;i&gt;1" in page


def test_groups_of_a_number_stand_in_its_order_everywhere():
    page = render_audit(everything())
    tables = [
        part for part in re.findall(r"<table.*?</table>", page, re.DOTALL) if "All together" not in part
    ]  # gaps have pairs
    for part in tables + re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        places = [part.find(text) for text in (">under 30<", ">30 to under 50<", ">50 or more<")]
        if min(places) >= 0:
            assert places == sorted(places), part


def test_a_slice_is_called_as_its_plugin_calls_it(own_metrics):
    audit = audit_of(["a", "b"], extra=[own_metrics["underdiagnosis"]], slices=["site"])
    found = {"metric": "underdiagnosis", "direction": "higher"}
    assert formatting.slice_metric(audit, found) == "higher underdiagnosis"
    assert formatting.slice_metric(audit, {**found, "metric": "fpr"}) == "higher false positive rate"
    assert formatting.slice_metric(audit, {**found, "metric": "error_rate"}) == "higher error rate"


def test_other_thresholds_are_previewed_before_and_after():
    page = render_audit(audit_of(["a", "b", "<c>"]))
    section = page[page.index('id="mitigation"') : page.index("How the numbers are made")]
    for words in ("as audited", "one for all", "one for each group", "best case"):
        assert words in section
    assert "<c>" not in section


def test_no_tick_stands_at_thresholds_that_are_no_better_than_one_decision_for_all():
    page = render_audit(audit_of(["a", "b", "c"]))  # scores that have nothing to do with the labels
    section = page[page.index('id="mitigation"') : page.index("How the numbers are made")]
    assert "✓" not in section
    assert "not better than one decision for all" in section
    assert re.search(r"<bdi>a</bdi>: \d+", section)  # how many are selected
