"""What an author says of an audit: rendered, and never more than text."""

import pytest
from report_audits import audit_of

from evenhand.reporting import render_audit
from evenhand.reporting.author import author_html


def test_what_people_write_is_rendered():
    page = render_audit(
        audit_of(["a", "b"], n=10), author="# Decision\n\nWe *wait*.\n\n- one\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    )
    section = page[page.index('id="author"') : page.index("</section>", page.index('id="author"'))]
    for part in ("<h3>Decision</h3>", "<em>wait</em>", "<li>one</li>", "<td>1</td>"):
        assert part in section


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "![x](https://example.org/x.png)",
        "[x](file:///etc/passwd)",
        '[x](https://e.org "\\" onmouseover=alert(1)")',
        '<https://e.org/"onclick=alert(1)>',
    ],
)
def test_nothing_that_is_written_runs_or_loads(hostile):
    html = str(author_html(hostile))
    assert "<script" not in html
    assert "<img" not in html
    assert not [
        part
        for part in html.split("<")[1:]
        if " on" in part.split(">")[0].replace("&quot;", "") and 'title="' not in part
    ]
    assert 'href="javascript' not in html.lower()
    assert 'href="data' not in html
    assert 'href="file' not in html


def test_without_words_there_is_no_section():
    assert 'id="author"' not in render_audit(audit_of(["a", "b"], n=10))
    assert str(author_html(" \n")) == ""
