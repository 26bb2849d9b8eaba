"""Ids: the UUID that the standard library gives, whatever the parts."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import derived_id

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "regimeflow")
WORDS = st.text(st.characters(codec="utf-8"))


@given(topic=WORDS, parts=st.lists(st.one_of(WORDS, st.integers())))
def test_an_id_is_the_version_5_uuid_of_its_parts(topic, parts):
    name = "|".join((topic, *map(str, parts)))

    assert derived_id(topic, *parts) == str(uuid.uuid5(NAMESPACE, name))
