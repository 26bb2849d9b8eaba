"""Ideas of both models of a challenge: what they came to, each model taken as if it served."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from gateway.answers.trade_figures import TradeFigures, figures
from gateway.envelope import raw
from gateway.views.challenges import NEWEST_RESULTS, ChallengesView
from schemas.challenges import VARIANTS, ShadowResult
from streams.evaluation.trade_summary import summarise


class ChallengeIdeas(BaseModel):
    """What ideas of both models came to, on paper. They inform; the test decides."""

    champion: TradeFigures
    challenger: TradeFigures
    newest: list[ShadowResult] = Field(
        description=f"Of both, the newest first, at most {NEWEST_RESULTS}"
    )


def ideas(challenges: ChallengesView, challenge_id: str) -> dict[str, Any]:
    """Return the fields of ``ChallengeIdeas``."""
    return {
        **{each: figures(summarise(challenges.ideas(challenge_id, each))) for each in VARIANTS},
        "newest": [raw(result) for result in challenges.newest_results(challenge_id)],
    }
