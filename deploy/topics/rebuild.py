"""The state of a stopped chain, made anew from its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streams.processor import Processor
from streams.runtime.rebuild import rebuild_states
from streams.runtime.settings import Aborted, Fatal, KafkaSettings
from streams.topology import CHAINS


def rebuild_chain(name: str, kafka: KafkaSettings) -> int:
    """Write the states of a chain anew; return how many keys they have.

    Raises:
        ValueError: There is no such chain, or a member of it lives.
        Fatal: The cluster failed.
    """
    chains = {chain.name: chain.processors for chain in CHAINS}
    processors = chains.get(name) or _model_chains().get(name)
    if processors is None:
        known = ", ".join((*chains, *_model_chains()))
        raise ValueError(f"chain {name!r} is unknown, expected one of {known}")
    try:
        return rebuild_states(name, processors, kafka)
    except (Aborted, Fatal) as failed:
        if "MEMBER" in str(failed).upper() or "GENERATION" in str(failed).upper():
            raise ValueError(
                f"{name} still runs: stop it first, and wait until its session of 6 s has ended"
            ) from None
        raise


def _model_chains() -> dict[str, Sequence[Processor]]:
    """Return the chains that read models; their states do not depend on any."""
    from workers.explain.processor import ExplainableModels, explain_processor
    from workers.serving.processor import inference_processor
    from workers.serving.slots import Slots

    class WithoutExplanations(ExplainableModels):
        def explain(self, prediction: Any) -> Any:
            """Return something in place of an explanation: outputs are dropped."""
            return prediction

    return {
        "inference": (inference_processor(Slots(), lambda: 0, lambda *_: None),),
        "explain": (explain_processor(WithoutExplanations(lambda _version: None)),),
    }
