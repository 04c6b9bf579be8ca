"""What is known of a release before anything of it is measured, for its reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dpkit.leakage.summary import ReleaseFacts
from dpkit.pipeline.budget import promise_for
from dpkit.pipeline.counts import count_lines

if TYPE_CHECKING:
    from dpkit.keystore.store import Keystore
    from dpkit.release.manifest import Manifest
    from dpkit.sanitizers.base import Sanitizer


def facts_of(manifest: Manifest, sanitizer: Sanitizer, keystore: Keystore) -> ReleaseFacts:
    """Return what the manifest, the sanitizer and the keystore know of a release."""
    geometry = manifest.geometry
    return ReleaseFacts(
        release_id=manifest.release_id,
        created=manifest.created,
        tool=manifest.tool,
        sanitizer=sanitizer.name,
        parameters=manifest.sanitizer.parameters,
        geometry=geometry,
        images=manifest.images,
        treatment=tuple(sanitizer.describe(geometry)),
        counts=count_lines(manifest.parts, manifest.classes),
        as_maps=manifest.map_shape is not None,
        guarantee=promise_for(
            keystore, manifest.release_id, sanitizer.guarantee(geometry), geometry
        ),
    )
