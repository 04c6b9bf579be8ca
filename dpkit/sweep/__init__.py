"""Sweeps: one sanitizer over several of its parameters, trained and attacked, before any release.

A sweep is the provider's: it works on originals, publishes nothing, and keeps what it has done in
a folder that only its owner may enter, so that a killed one goes on.
"""
