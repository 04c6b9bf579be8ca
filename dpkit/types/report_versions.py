"""The version of `report.json`, and what makes a report of an older version one of this."""

from __future__ import annotations

from typing import Any, Final

from dpkit.errors import IntegrityError

VERSION: Final = 3


def _from_version_1(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content as this version has it; version 1 had no audit, and named no attack."""
    newer = {**content, "audit": None}
    if newer.pop("attacks", None) != [] or "audit" in content:
        raise IntegrityError("report.json of version 1 has an empty list of attacks and no audit")
    return _from_version_2(newer)


def _from_version_2(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content as this version has it; version 2 had no guarantee, curve or faces."""
    audit = content.get("audit")
    for name in ("guarantee", "training"):
        if name in content:
            raise IntegrityError(f"report.json of version 2 has no {name}")
    if isinstance(audit, dict):
        if "faces" in audit:
            raise IntegrityError("report.json of version 2 has no faces in its audit")
        audit = {**audit, "faces": None}
    newer = {"version": VERSION, "guarantee": None, "training": None, "audit": audit}
    return {**content, **newer}


UPGRADES: Final = {1: _from_version_1, 2: _from_version_2}
