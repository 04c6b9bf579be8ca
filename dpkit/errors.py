"""Every error that dpkit raises on purpose.

    DpkitError                 1   the run failed, nothing was published
    ├── UsageError             2   an option, a folder or a number that cannot work
    ├── GateError              4   the audit does not meet --require, nothing was published
    ├── KeystoreMissingError  10   no keystore (or no such object) where one was named
    ├── LockedError           11   another run holds the release or the keystore
    ├── UnlockError           12   wrong passphrase, key file, key or keystore
    ├── IntegrityError        13   bytes are not what was signed, sealed or planned
    └── UnreadableImageError  --   one image only: it is quarantined, the run goes on

The number is the exit code of the command line. A message is one line: what,
where, the limit, the remedy.
"""

from __future__ import annotations


class DpkitError(Exception):
    """A failure with a remedy; its text is one line without control characters.

    Parameters
    ----------
    what
        What happened, with the offending value.
    remedy
        What the user can do now.
    """

    exit_code = 1

    def __init__(self, what: str, *, remedy: str = "") -> None:
        text = f"{what}; {remedy}" if remedy else what
        super().__init__("".join(c if c.isprintable() else "�" for c in text))
        self.remedy = remedy


class UsageError(DpkitError):
    """The request cannot be carried out as it stands."""

    exit_code = 2


class GateError(DpkitError):
    """The leakage gate refused the release."""

    exit_code = 4


class KeystoreMissingError(DpkitError):
    """There is no keystore, or no such object in it."""

    exit_code = 10


class LockedError(DpkitError):
    """Another run holds the lock."""

    exit_code = 11


class UnlockError(DpkitError):
    """The passphrase, key file, key or keystore is not the right one."""

    exit_code = 12


class IntegrityError(DpkitError):
    """Bytes differ from what was signed, sealed or planned."""

    exit_code = 13


class UnreadableImageError(DpkitError):
    """One file cannot become an image; the message is the reason for the quarantine list."""
