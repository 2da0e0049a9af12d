"""Reports: one template set for HTML, and JUnit XML and a model card from the same values."""

from __future__ import annotations

from evenhand.reporting.costs_page import render_costs
from evenhand.reporting.export_page import render_export, render_latency
from evenhand.reporting.html import render_audit, render_run
from evenhand.reporting.index_page import render_index
from evenhand.reporting.junit import junit_xml
from evenhand.reporting.modelcard import model_card
from evenhand.reporting.monitoring_page import render_monitoring
from evenhand.reporting.summary import markdown_summary, summary
from evenhand.reporting.tuning_page import render_tuning

__all__ = [
    "junit_xml",
    "markdown_summary",
    "model_card",
    "render_audit",
    "render_costs",
    "render_export",
    "render_index",
    "render_latency",
    "render_monitoring",
    "render_run",
    "render_tuning",
    "summary",
]
