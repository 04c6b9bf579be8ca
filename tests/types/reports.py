"""A report of a release that nobody attacked, for tests of what reads and writes it."""

import math

from dpkit.types import Geometry
from dpkit.types.bound import Bound
from dpkit.types.distribution import Baseline, Distribution
from dpkit.types.evidence import STATEMENT, Count, LeakageReport, RoundTrip, Settings

PSNR = Distribution(
    "psnr", 30, 0, 9, 21.5, 1.25, {"1": 20.0, "99": math.inf}, math.inf, (20, 1), (20.0, 20.5, 21.0)
)
REPORT = LeakageReport(
    version=3,
    release_id="r-1",
    created="2026-01-02",
    tool="dpkit 0.1.0",
    sanitizer="morph",
    parameters={"kappa": 16, "core": "gaussian", "scale": 0.5, "dither": False, "seed": None},
    geometry=Geometry(3, 32, 32, 8),
    treatment=("One sentence.",),
    statement=STATEMENT,
    known_images_sentence="12 known images of 30 open all of them",
    images=30,
    withheld="",
    measured={"psnr": PSNR},
    baselines=(Baseline("mean image", {"psnr": PSNR}),),
    bounds=(Bound("a", "Eq. 10", "c", "2^-4", -4.0, -1.2, "probability", False, "why"),),
    audit=None,
    round_trip=RoundTrip(0.5, 0.01, 0.9),
    counts=(Count("train", "", 30, 12),),
    notices=("note",),
    settings=Settings("Wang", "view", 255, 11, "guesses"),
)
