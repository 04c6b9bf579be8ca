"""A release under attack: what each adversary is granted, what it makes of it, one verdict.

subject        the release's values, its originals, and what else somebody may hold
halves         by groups: one half is scored, the other plays the adversary's own set
holdings       the views of each rung of the ladder
suite          every attack on its views, within a budget
controls       the same attacks where the answer is known
"""

from dpkit.audit.findings import Findings
from dpkit.audit.options import Options
from dpkit.audit.round_trips import RoundTrips, sample_rows
from dpkit.audit.subject import Subject
from dpkit.audit.suite import audit

__all__ = ["Findings", "Options", "RoundTrips", "Subject", "audit", "sample_rows"]
