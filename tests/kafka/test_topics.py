"""The topic table on a real broker: applied once, then nothing to do."""

from __future__ import annotations

import pytest

from deploy.topics.admin import SettingDifference, apply_topics, list_topics, mend_topics
from deploy.topics.plan import TopicPlan, planned_topics

pytestmark = pytest.mark.kafka


def test_applying_the_table_twice_creates_everything_once(pipeline_topics):
    cluster = {"bootstrap.servers": pipeline_topics}

    again = apply_topics(cluster)

    names = {topic.name for topic in planned_topics()}
    assert again.created == ()
    assert again.differing == ()
    assert set(again.unchanged) == names
    assert names <= {topic.name for topic in list_topics(cluster)}


def test_a_new_topic_gets_as_many_partitions_as_the_others_have(broker, new_topic):
    cluster = {"bootstrap.servers": broker}
    old = TopicPlan(new_topic(partitions=3), {})
    new, single = TopicPlan(f"{old.name}.new", {}), TopicPlan(f"{old.name}.one", {}, single=True)

    applied = apply_topics(cluster, None, [old, new, single])

    counts = {topic.name: topic.partitions for topic in list_topics(cluster)}
    assert (counts[new.name], counts[single.name]) == (3, 1)
    assert applied.differing == ()


def test_a_differing_topic_is_reported_left_alone_and_mended_on_request(broker, new_topic):
    cluster = {"bootstrap.servers": broker}
    name = new_topic(partitions=2)
    wanted = [TopicPlan(name, {"retention.ms": "-1"})]

    report = apply_topics(cluster, 1, wanted)
    mend_topics(cluster, report.differing)
    mended = apply_topics(cluster, 2, wanted)

    assert report.differing == (
        SettingDifference(name, "partitions", "2", "1"),
        SettingDifference(name, "retention.ms", "604800000", "-1"),
    )
    assert mended.unchanged == (name,)
    partitions, retention = map(str, report.differing)
    assert "partitions is 2, expected 1; it is never changed, since keys would move" in partitions
    assert "--mend" in retention
    assert "--mend" not in partitions
