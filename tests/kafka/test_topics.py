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
