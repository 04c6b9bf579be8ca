"""The developer's first layer comes in, the Aug-Conv layer goes out, on purpose."""

from dpkit.exchange.build import Built, build
from dpkit.exchange.handover import IMAGES, Offer, check_target, hand_over, offer

__all__ = ["IMAGES", "Built", "Offer", "build", "check_target", "hand_over", "offer"]
