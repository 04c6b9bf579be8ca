"""`dpkit sweep obfuscate` from files to files: every cell once, and again after a kill."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dpkit.sweep.obfuscate import sweep_obfuscate
from dpkit.sweep.obfuscatedplot import obfuscated_plot
from dpkit.sweep.obfuscatedtable import obfuscated_facts, obfuscated_table
from dpkit.sweep.private import PRIVATE

if TYPE_CHECKING:
    from dpkit.sweep.obfuscate import ObfuscateSweep, Swept
    from dpkit.types import Json
    from dpkit.types.voice import Voice


@dataclass(frozen=True, slots=True, eq=False)
class Obfuscated:
    """The result of a sweep, and where it lies."""

    request: ObfuscateSweep
    swept: Swept

    def facts(self) -> dict[str, Json]:
        """Return everything for a program; private."""
        return {"sweep": "obfuscate", **obfuscated_facts(self.swept)}

    def lines(self) -> list[str]:
        """Return the table and the sentences for a person; private."""
        table = obfuscated_table(self.swept).splitlines()
        return [*table, f"written to {self.request.out}; {PRIVATE}"]


def obfuscate_folder(request: ObfuscateSweep, voice: Voice) -> Obfuscated:
    """Measure what is not yet measured; write `sweep.json`, `sweep.md` and `sweep.svg`.

    Raises
    ------
    UsageError
        The images cannot be learned from, or the output holds something else.
    """
    swept, cells = sweep_obfuscate(request, voice)
    found = Obfuscated(request, swept)
    text = json.dumps(found.facts(), indent=1, ensure_ascii=False, allow_nan=False)
    cells.write("sweep.json", text.encode())
    cells.write("sweep.md", obfuscated_table(swept).encode())
    cells.write("sweep.svg", obfuscated_plot(swept))
    return found
