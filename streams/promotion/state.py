"""What promotion keeps of a strategy and timeframe."""

from __future__ import annotations

from schemas.bounds import Count
from schemas.challenges import ChallengeId
from schemas.market import HistoryReady
from schemas.models import ModelRegistered
from schemas.policies import ModelPolicy
from schemas.record import Record
from schemas.training import TrainingBudget
from schemas.versions import RetrainCause, VersionNumber, VersionStage
from streams.commands import CommandedState

# Newest ones, beside those that serve or have served last. A state is one message of a changelog.
KEPT_REGISTRATIONS = 12
KEPT_SERVED = 4
KEPT_POLICIES = 8  # one counts, and those follow that were activated within its lead


class VersionEntry(Record):
    """One version without its registration."""

    number: VersionNumber
    model_version: str
    stage: VersionStage
    since_ms: int
    reason: str
    effective_from_ms: int | None = None  # of its last service


class TrainingUnderWay(Record):
    """A training that was asked for and has not registered its model."""

    request_id: str
    cause: str
    market_ms: int


class WaitingCause(Record):
    """A cause to train that waits until it may."""

    cause: RetrainCause
    since_ms: int


class LastChallenge(Record):
    """The newest challenge, and the version that predicts in it beside the one that serves."""

    number: Count
    challenge_id: ChallengeId
    model_version: str
    active: bool


class PromotionState(CommandedState):
    """The versions of a strategy and timeframe, oldest first, and the training of the next one.

    Attributes:
        requested_to_ms: Newest close of the first model that was asked for.
        serving: Model version in Production.
        versions: Every version.
        served: Model versions that have served, as far back as a rollback goes; the last serves.
        registrations: Of the versions that can be moved without being told again.
        effective_from_ms: First close of the model that serves.
        history: The newest ready one.
        training: The one under way.
        trained_ms: Market times of the retrainings of the last month.
        rejected: Challengers kept out since the last that was promoted.
        failure: Why the last training ended without a model; empty: it did not.
        waiting: Causes of the next training, each once, oldest first.
        policies: What decides, oldest first.
        budget: As it was last told; None: it was not.
        challenge: The newest; None: there was none.
    """

    requested_to_ms: int = -1
    serving: str | None = None
    versions: tuple[VersionEntry, ...] = ()
    served: tuple[str, ...] = ()
    registrations: tuple[ModelRegistered, ...] = ()
    effective_from_ms: int = -1
    history: HistoryReady | None = None
    training: TrainingUnderWay | None = None
    trained_ms: tuple[int, ...] = ()
    rejected: int = 0
    failure: str = ""
    waiting: tuple[WaitingCause, ...] = ()
    policies: tuple[ModelPolicy, ...] = ()
    budget: TrainingBudget | None = None
    challenge: LastChallenge | None = None

    @property
    def challenged(self) -> LastChallenge | None:
        """The challenge of the model that serves; None without one."""
        return self.challenge if self.challenge is not None and self.challenge.active else None

    def entry(self, version: str | None) -> VersionEntry | None:
        """Return a version by its model version or its number in digits."""
        names = (e for e in self.versions if version in (e.model_version, str(e.number)))
        return next(names, None)

    def registration(self, model_version: str | None) -> ModelRegistered | None:
        """Return what is known of a version; None where it is known no longer."""
        known = (m for m in self.registrations if m.model_version == model_version)
        return next(known, None)


def restored(state: PromotionState) -> PromotionState:
    """Return the state of an older release with its serving model as the first version."""
    if state.serving is None or state.versions:
        return state
    first = VersionEntry(
        number=1, model_version=state.serving, stage="Production", since_ms=0, reason="serves"
    )
    return state.model_copy(update={"versions": (first,), "served": (state.serving,)})


def with_entries(
    versions: tuple[VersionEntry, ...], *changed: VersionEntry
) -> tuple[VersionEntry, ...]:
    """Return the versions with some of them changed; a new one comes last."""
    by_number = {entry.number: entry for entry in (*versions, *changed)}
    return tuple(by_number[number] for number in sorted(by_number))


def with_registration(
    state: PromotionState, model: ModelRegistered, served: tuple[str, ...]
) -> tuple[ModelRegistered, ...]:
    """Return the registrations with that of a model, without those that are too old."""
    others = [m for m in state.registrations if m.model_version != model.model_version]
    needed = {model.model_version, *served[-KEPT_SERVED:]}
    newest = {m.model_version for m in others[-KEPT_REGISTRATIONS:]}
    return (*(m for m in others if m.model_version in needed | newest), model)
