"""Bundles whose files are no models: for tests of where they lie. Written in a moment."""

from __future__ import annotations

from pathlib import Path

from schemas.models import FileRole
from schemas.predictions import ClassProbabilities
from workers.models.artifact import Manifest, ParityCase, model_file, write_model

EVEN = ClassProbabilities(sell=0.25, neutral=0.5, buy=0.25)
FILES: dict[FileRole, str] = {"forest": "forest.json", "lstm": "lstm.safetensors"}


def write_bundle(root: Path, seed: int = 0, size: int = 100) -> tuple[Manifest, Path]:
    """Write a bundle under the root of all models; return its manifest and its folder.

    Args:
        root: Of all models.
        seed: Another one is another version.
        size: Of each file, bytes.
    """
    contents = {name: f"{role} {seed}".ljust(size).encode() for role, name in FILES.items()}
    manifest = Manifest(
        strategy="ensemble",
        feature_set_id="f1",
        feature_names=("natr_14",),
        timeframe_ms=60_000,
        horizon_bars=15,
        volatility_feature="natr_14",
        label_width=0.5,
        member_weights={"xgboost": 0.55, "lstm": 0.45},
        class_prior=(0.25, 0.5, 0.25),
        temperature=1.0,
        trained_from_ms=0,
        trained_to_ms=1,
        seed=seed,
        libraries={},
        files=tuple(model_file(role, name, contents[name]) for role, name in FILES.items()),
        parity=(ParityCase(row=(0.0,), window=((0.0,),), forest=EVEN, lstm=EVEN),),
    )
    return manifest, write_model(root, manifest, contents)
