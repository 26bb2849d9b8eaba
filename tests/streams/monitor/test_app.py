"""Monitor app: the cluster's security settings reach Faust, and nothing is declared."""

from __future__ import annotations

import ssl

import pytest

from schemas.timeframes import HOUR_MS, MINUTE_MS
from schemas.topics import topic_of
from streams.monitor.app import credentials, make_app, timeframe_written
from streams.monitor.windows import STAGES
from streams.runtime.settings import KafkaSettings
from tests.build import bar, features, prediction, regimes, signal


def test_plain_text_needs_no_credentials():
    assert credentials({}) is None


def test_sasl_over_tls_carries_name_mechanism_and_a_verifying_context():
    made = credentials(
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "monitor",
            "sasl.password": "secret-word",
        }
    )

    assert made.protocol.value == "SASL_SSL"
    assert made.mechanism.value == "SCRAM-SHA-512"
    assert (made.username, made.password) == ("monitor", "secret-word")
    assert made.ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert "secret-word" not in repr(made)


@pytest.mark.parametrize(
    ("client", "named"),
    [
        ({"security.protocol": "TELNET"}, "TELNET"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI"}, "GSSAPI"),
    ],
)
def test_an_unknown_way_to_log_in_is_refused_by_name(client, named):
    with pytest.raises(ValueError, match=named):
        credentials(client)


def test_the_app_owns_no_topic_and_starts_at_the_end(tmp_path):
    app = make_app(KafkaSettings("one:1,two:2"), tmp_path)

    assert [str(url) for url in app.conf.broker] == ["kafka://one:1", "kafka://two:2"]
    assert not app.conf.topic_allow_declare
    assert app.conf.topic_disable_leader
    assert app.conf.consumer_auto_offset_reset == "latest"
    assert not app.conf.web_enabled
    assert not app.tables.changelog_topics


def test_the_timeframe_of_every_record_is_read_without_decoding_it():
    records = (bar(), features(), regimes(), prediction(), signal())

    assert [topic_of(record).name for record in records] == list(STAGES)
    for record in records:
        hourly = record.model_copy(update={"timeframe_ms": HOUR_MS})
        assert (timeframe_written(record.encode()), timeframe_written(hourly.encode())) == (
            MINUTE_MS,
            HOUR_MS,
        )
    with pytest.raises(ValueError, match="no timeframe_ms"):
        timeframe_written(b"{}")
