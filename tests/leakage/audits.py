"""Audits as the engine could have made them, for the tests of what is made of an audit."""

from dataclasses import replace

from dpkit.leakage.face_scores import faces_sentence
from dpkit.types.attacks import AttackResult, Control
from dpkit.types.audit import Audit, Guess, PairsPoint, Verdict
from dpkit.types.faces import GUESS, MIRRORED, ORIGINALS, RELEASE, FaceFindings, FaceScores
from dpkit.types.ladder import RUNGS, RungResult
from dpkit.types.scores import ImageScores, Interval, LinkScores, Spread
from dpkit.types.utility import Utility, UtilityScore

IMAGES = 128


def share(value):
    return Interval(value, max(0.0, round(value - 0.05, 3)), min(1.0, round(value + 0.04, 3)))


def scores(ssim, psnr, *, worst=None, n=IMAGES):
    """Return what a mean SSIM and PSNR go with; an `ssim` of None is not defined."""
    best = min(1.0, ssim + 0.2) if worst is None and ssim is not None else worst
    half, most = (0.0, 0.0) if ssim is None else (max(0.0, 2 * ssim - 1), max(0.0, 4 * ssim - 3))
    return ImageScores(
        n=n,
        ssim=ssim
        if ssim is None
        else Spread(Interval(ssim, ssim - 0.02, min(1.0, ssim + 0.01)), best, best),
        psnr=Spread(Interval(psnr, psnr - 1, psnr + 1), psnr + 4, psnr + 7),
        ncc=Spread(Interval(0.5, 0.48, 0.52), 0.8, 0.9),
        share_50=ssim if ssim is None else share(half),
        share_90=ssim if ssim is None else share(most),
    )


def links(top1, gallery=IMAGES):
    return LinkScores(IMAGES, gallery, share(top1), share(top1), None, 1 / gallery)


def attack(name, rung, state="succeeded", **fields):
    """Return one attack; what a state does not go with is empty."""
    ran = state in {"succeeded", "no success"}
    given = {
        "title": name.replace("-", " "),
        "needs": RUNGS[rung],
        "held": "",
        "reason": "",
        "images": None,
        "links": None,
        "figures": {},
        "finding": "",
        "is_upper_bound": False,
        "seconds": 0.0 if state == "not tried" else 1.5,
        "sentence": f"{name}: what it found, in its own words" if ran else "",
        "positive": Control("gaussian core of 48 values", "SSIM", 0.93, 0.5, True, False),
        "null": Control("a fresh key for each image", "SSIM", 0.11, 0.31, True, True),
    }
    if state == "not tried":
        given |= {"positive": None, "null": None}
    return AttackResult(name=name, rung=rung, state=state, **{**given, **fields})


def rung(name, tried, of, best="", images=None, *, linked=None, sentence=""):
    empty = "No attack of this kind is meant for such a release."
    return RungResult(name, tried, of, best, images, linked, sentence or empty)


GUESSES = (
    Guess("one grey", scores(0.03, 11.5)),
    Guess("mean of public pictures", scores(0.08, 12.6)),
    Guess("mean of the class", scores(0.1, 13.1)),
    Guess("another image", scores(0.31, 9.8, worst=0.44)),
)
UTILITY = Utility(
    "a network of three layers",
    4000,
    1000,
    (
        UtilityScore("originals", 0.71, 0.70, 0.73, 3),
        UtilityScore("release", 0.42, 0.40, 0.43, 3),
    ),
    0.1,
    "A developer can learn from this release, and less than from the originals",
)


def seen_faces(what, detected, top1, n=96):
    told = replace(links(top1, gallery=n), n=n) if top1 is not None else None
    matched = None if top1 is None else share(top1)
    return FaceScores(what, n, share(detected), told, top1 and 0.5 + top1 / 2, matched)


FACE_SCORES = (
    seen_faces(ORIGINALS, 0.75, None, n=128),
    seen_faces(MIRRORED, 1.0, 0.98),
    seen_faces(RELEASE, 0.02, 0.01),
    seen_faces("A6", 0.91, 0.83),
    seen_faces(f"{GUESS}public mean", 0.97, 0.0),
)
FACES = FaceFindings(128, 96, FACE_SCORES, faces_sentence(128, 96, FACE_SCORES))
PAIRS = (
    PairsPoint(1, scores(0.12, 12)),
    PairsPoint(3, scores(0.33, 15)),
    PairsPoint(10, scores(0.62, 21)),
    PairsPoint(30, scores(0.85, 30)),
)


def audit(verdict, rungs, attacks, **fields):
    ladder = {found.rung: found for found in rungs}
    given = {
        "mode": "quick",
        "tool": "dpkit 0.1.0",
        "seed": 7,
        "budget_seconds": 20.0,
        "seconds": 14.2,
        "images": IMAGES,
        "adversary_images": IMAGES,
        "released_rows": 2048,
        "public": "the other half of the sample; no group is in both",
        "best": None,
        "guesses": GUESSES,
        "pairs": (),
        "pairs_needed": {"0.5": None, "0.9": None},
        "utility": None,
        "faces": None,
    }
    return Audit(
        verdict=verdict,
        rungs=tuple(ladder.get(name, rung(name, 0, 0)) for name in RUNGS),
        attacks=tuple(attacks),
        **{**given, **fields},
    )


def broken_paper():
    """Shared core, contiguous blocks: known images, and brightness without any."""
    pairs = scores(0.85, 30, worst=0.97)
    return audit(
        Verdict(
            "broken",
            "broken: pictures recovered, by whoever knows 10 of the images",
            (
                "Give every block a core of its own (--cores distinct).",
                "Scatter the pixels before they are cut into blocks (--interleave).",
                "Let nobody hold an original and its released image together.",
            ),
            had_power=5,
            of=7,
        ),
        (
            rung("A0", 1, 1, "view of the file", scores(0.05, 9), sentence="It sees noise."),
            rung(
                "A1",
                2,
                2,
                "block brightness",
                scores(0.21, 11),
                sentence="Large shapes show through.",
            ),
            rung("A2", 0, 1, sentence="Unknown: the one attack of this kind was not finished."),
            rung("A6", 1, 1, "known pairs", pairs, sentence="30 known images give most of each."),
            rung(
                "A7",
                1,
                1,
                "linkage by signatures",
                linked=links(0.62),
                sentence="Most owners are found.",
            ),
        ),
        (
            attack("view", "A0", "no success", images=scores(0.05, 9), positive=None),
            attack("block-brightness", "A1", "no success", images=scores(0.21, 11)),
            attack("lattice", "A1", "no success", finding="the spread of grey levels"),
            attack("second-order", "A2", "timed out", reason="not finished within 20 s"),
            attack("contact-sheet", "A5", "not tried", reason="C^ac is not in this release"),
            attack("known-pairs", "A6", images=pairs, held="30 known images", seconds=0.4),
            attack("linkage", "A7", links=links(0.62), held="a gallery of 128 originals"),
        ),
        best=scores(0.86, 30, worst=0.97),
        pairs=PAIRS,
        pairs_needed={"0.5": 10, "0.9": None},
        utility=UTILITY,
        faces=FACES,
    )


def hardened():
    """Distinct cores, scattered pixels: nothing beyond the brightness of an image."""
    low = scores(0.09, 12)
    return audit(
        Verdict(
            "none",
            "no attack of this suite succeeded; that is not a proof",
            ("Keep C^ac to yourself, as you did here.",),
            had_power=4,
            of=6,
        ),
        (
            rung("A0", 1, 1, "view of the file", scores(0.02, 9), sentence="It sees noise."),
            rung("A1", 1, 2, "block brightness", low, sentence="No better than a guess."),
            rung("A6", 1, 1, "known pairs", low, sentence="No better than a guess."),
            rung("A7", 1, 2, "linkage", linked=links(0.01), sentence="No better than a guess."),
        ),
        (
            attack("view", "A0", "no success", images=scores(0.02, 9), positive=None),
            attack("block-brightness", "A1", "no success", images=low, is_upper_bound=True),
            attack(
                "lattice",
                "A1",
                "no power",
                reason="its positive control reached 0.31 of 0.5",
                positive=Control("one grey level in 16", "SSIM", 0.31, 0.5, False, False),
            ),
            attack("known-pairs", "A6", "no success", images=low),
            attack("linkage", "A7", "no success", links=links(0.01)),
            attack("unordered-set", "A7", "crashed", reason="LinAlgError: did not converge"),
        ),
        best=low,
        pairs=(PairsPoint(1, scores(0.05, 11)), PairsPoint(30, scores(0.08, 12))),
        utility=replace(UTILITY, sentence="Little can be learnt from this release"),
    )


def mixed():
    """A mixed release: pieces of originals in place, and their owners found."""
    kept = scores(0.62, 17, worst=0.91)
    return audit(
        Verdict(
            "leaks",
            "leaks: whose image it is can be told for 99 % of the images, by whoever holds the "
            "originals",
            ("Mix in more rounds.", "Leave out people who can be told by their face."),
            had_power=3,
            of=4,
        ),
        (
            rung("A0", 1, 1, "share in place", kept, sentence="Half of each image is its own."),
            rung(
                "A7",
                1,
                1,
                "owner by block votes",
                linked=links(0.99),
                sentence="Every owner is found.",
            ),
        ),
        (
            attack("share-in-place", "A0", images=kept, positive=None),
            attack("owner-votes", "A7", links=links(0.99)),
            attack("seam-jigsaw", "A1", "no success", images=scores(0.2, 12)),
            attack("versions", "A1", "not tried", reason="there is one release of these images"),
        ),
        best=kept,
        utility=UTILITY,
    )


def with_augconv():
    """C^ac was exported: whoever holds the first layer opens every image."""
    exact = scores(0.9999, float("inf"), worst=1.0)
    blurred = scores(0.94, 28, worst=0.98)
    return audit(
        Verdict(
            "broken",
            "broken: key recovered, by whoever holds C^ac and the first layer",
            ("Withhold C^ac: let the developer learn a first layer on the released images.",),
            had_power=4,
            of=4,
        ),
        (
            rung("A0", 1, 1, "view of the file", scores(0.05, 9), sentence="It sees noise."),
            rung("A4", 2, 2, "decode", exact, sentence="Every image comes back as it was."),
            rung("A5", 1, 1, "contact sheet", blurred, sentence="Every image comes back in grey."),
        ),
        (
            attack("view", "A0", "no success", images=scores(0.05, 9), positive=None),
            attack("channel-order", "A4", figures={"channels matched": 64.0}, finding="the order"),
            attack("decode", "A4", images=exact, held="C^ac and the first layer"),
            attack("contact-sheet", "A5", images=blurred, is_upper_bound=True),
        ),
        best=exact,
    )


def nothing_run():
    """No attack could be tried in the time given."""
    return audit(
        Verdict("unknown", "no attack had power here, so nothing is known", (), 0, 2),
        (rung("A1", 0, 2, sentence="Unknown."),),
        (
            attack("block-brightness", "A1", "timed out", reason="not finished within 20 s"),
            attack("second-order", "A1", "not tried", reason="no time was left"),
        ),
        guesses=(),
    )


def of_few(images=5):
    """The broken release again, with figures of `images` images."""
    whole = broken_paper()
    return replace(whole, images=images)


ALL = (broken_paper, hardened, mixed, with_augconv, nothing_run)
