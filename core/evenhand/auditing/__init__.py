"""The audit: one aggregation of the predictions, then arithmetic on the counts.

Its rooms, in the order in which data walks through them:
table ► counting ► metrics ► evidence ► question ► judging ► slices ► remedies ► result
"""

from __future__ import annotations

from evenhand.auditing.conducting import audit, conduct
from evenhand.auditing.counting.counts import Counts
from evenhand.auditing.metrics.costs_and_benefit import cost_metric
from evenhand.auditing.metrics.metric import Estimate, GroupMetric, rate_metric
from evenhand.auditing.result import Audit

__all__ = ["Audit", "Counts", "Estimate", "GroupMetric", "audit", "conduct", "cost_metric", "rate_metric"]
