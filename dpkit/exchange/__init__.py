"""The developer's first layer comes in, the Aug-Conv layer goes out, on purpose."""

from dpkit.exchange.build import Built, build

__all__ = ["Built", "build"]
