"""The audit: one aggregation of the predictions, then arithmetic on the counts.

read ► roles ► counts ► metrics ► estimates ► intervals, bands ► verdicts ► Audit
"""

from __future__ import annotations

from evenhand.auditing.audit import audit
from evenhand.auditing.costs_and_benefit import cost_metric
from evenhand.auditing.kinds import Counts, Estimate, GroupMetric, rate_metric
from evenhand.auditing.result import Audit

__all__ = ["Audit", "Counts", "Estimate", "GroupMetric", "audit", "cost_metric", "rate_metric"]
