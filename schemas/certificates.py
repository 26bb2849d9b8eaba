"""What was tried on a model to see whether it knows the future; stored with each version."""

from __future__ import annotations

from pydantic import Field

from schemas.bounds import Count
from schemas.record import Record


class CertificateCheck(Record):
    """How often parts of one kind moved when only what came after them was changed."""

    kind: str = Field(description="features, labels, filters, scalers, folds")
    parts: Count = Field(description="Names that were compared")
    cuts: Count = Field(description="Times after which the log was cut off, or changed")
    values: Count = Field(description="Compared bit by bit, each usable at its cut")
    moved: dict[str, Count] = Field(
        default_factory=dict, description="By part, how many values moved; empty without any"
    )


class ModelCertificate(Record):
    """Nothing that a model was fitted with, or that it reads, depends on what came later."""

    seed: Count = Field(description="Of the cuts and of the changed futures")
    checks: tuple[CertificateCheck, ...]
    left_out: dict[str, str] = Field(
        default_factory=dict, description="By kind, why it was not checked"
    )

    @property
    def violations(self) -> tuple[str, ...]:
        """Return a sentence for each part that moved, and for each check that compared nothing."""
        moved = [
            f"{part} ({check.kind}) moved {count:,} times when only its future was changed"
            for check in self.checks
            for part, count in check.moved.items()
        ]
        empty = [
            f"no value of its {check.kind} was compared, expected at least one"
            for check in self.checks
            if check.values == 0
        ]
        return (*moved, *empty)
