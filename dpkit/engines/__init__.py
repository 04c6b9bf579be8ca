"""Where tiles and shards run. An engine maps a function over work items, in order."""

from dpkit.engines.local import LocalEngine

ENGINES = {"local": LocalEngine}

__all__ = ["ENGINES", "LocalEngine"]
