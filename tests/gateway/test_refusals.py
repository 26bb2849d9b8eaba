"""A request that is refused is told the value that was wrong, and no secret."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from gateway.errors import LONGEST_VALUE, describe
from tests.fakes.gateway import RunningGateway


class AnyBody(BaseModel):
    """The body of a request."""

    count: int = Field(gt=0)
    name: str | None = Field(default="", pattern="^a*$")
    many: list[int] = []


def refused(**body: Any) -> str:
    with pytest.raises(ValidationError) as error:
        AnyBody.model_validate(body)
    return describe(error.value.errors())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"count": -5}, "count: Input should be greater than 0, got -5"),
        ({"count": True, "name": 3}, "name: Input should be a valid string, got 3"),
        ({"count": 1, "name": "b"}, "name: String should match pattern '^a*$', got 'b'"),
        ({"count": None}, "count: Input should be a valid integer, got null"),
    ],
)
def test_a_wrong_value_is_repeated(body, said):
    assert refused(**body) == said


def test_what_is_long_is_cut_and_what_is_missing_or_a_list_is_not_told():
    assert refused(count=1, name="b" * 500).endswith("b" * (LONGEST_VALUE - 1) + "...")
    assert refused() == "count: Field required"
    assert "got" not in refused(count=[1, 2])


@pytest.mark.anyio
async def test_a_refused_query_names_value_and_expectation(gateway: RunningGateway):
    response = await gateway.client.get("/api/signals", params={"limit": "0"})

    assert response.status_code == 400
    assert "limit: Input should be greater than or equal to 1, got '0'" in response.text


def test_a_value_that_the_message_tells_is_told_once():
    error = {"type": "value_error", "loc": ("ticker",), "msg": "XRP is unknown", "input": "XRP"}

    assert describe([error]) == "ticker: XRP is unknown"


def test_a_header_is_never_repeated():
    error = {"type": "string_type", "loc": ("header", "X-API-Key"), "msg": "no", "input": "secret"}

    assert describe([error]) == "header.X-API-Key: no"
