"""The page's types are the gateway's."""

from __future__ import annotations

from deploy.generate.page_types import FILE, contract_text


def test_types_are_in_step_with_the_gateway():
    assert FILE.read_text() == contract_text(), "run: python -m deploy.generate.page_types"
