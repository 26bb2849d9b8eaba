"""The journal on the command line, through a gateway whose commands are decided."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.settings import GatewaySettings
from tests.fakes.command_line import asked, call
from tests.fakes.command_processor import decide_configs
from tests.fakes.gateway import RunningGateway, served_gateway

pytestmark = pytest.mark.anyio

EXECUTED = ("--action", "executed", "--ticker", "BTC-USD", "--entry", "45000", "--exit", "45500")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningGateway]:
    monkeypatch.setenv("REGIMEFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    async with served_gateway(GatewaySettings()) as running:
        decide_configs(running)
        yield running


async def test_a_trade_is_added_corrected_listed_and_summed_up(gateway):
    added = await call(gateway, "journal", "add", *EXECUTED, "--id", "mine", "--quantity", "0.2")
    dry = await call(gateway, "journal", "correct", "--id", "mine", "--exit", "46000", "--dry-run")
    corrected = await asked(
        gateway, "journal", "correct", "--id", "mine", "--fees", "9", "--reason", "bill"
    )
    opened = await asked(gateway, "journal", "correct", "--id", "mine", "--clear", "exit")
    listed = await call(gateway, "journal", "list", "--state", "open")
    shown = await call(gateway, "journal", "show", "mine")
    summed = await call(gateway, "journal", "summary")

    assert "mine is added" in added.stdout
    assert "net +1.01%, 90.95" in added.stdout
    assert "would write journal.entries.v1: ensemble mine" in dry.stdout
    assert corrected["trade"]["result"]["profit"] == "91"
    assert opened["trade"]["result"] is None
    assert "executed buy  45000 -> ? x 0.2" in listed.stdout
    assert "2: executed 45000 -> 45500 x 0.2" in shown.stdout
    assert ": bill" in shown.stdout
    assert summed.stdout == "0 finished, 1 open, 0 skipped, 0 missed; of every timeframe\n"


async def test_what_is_exported_is_imported_as_it_is(gateway):
    await call(
        gateway, "journal", "add", *EXECUTED, "--id", "a", "--notes", 'said "buy", twice\n=1+1'
    )
    await call(gateway, "journal", "add", "--action", "missed", "--ticker", "BTC-USD", "--id", "b")

    written = (await call(gateway, "journal", "export")).stdout
    await call(gateway, "journal", "export", "trades.csv")
    again = await asked(gateway, "journal", "import", "trades.csv")

    assert again == {"added": 0, "unchanged": 2, "refused": []}
    assert (await call(gateway, "journal", "export")).stdout == written
    assert '"said ""buy"", twice\n=1+1"' in written
    assert "exists" in (await call(gateway, "journal", "export", "trades.csv", code=1)).stderr


async def test_lines_of_a_file_are_recorded_once_and_refusals_are_named(gateway, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text(
        "ticker,action,opened,entry,exit,closed\n"
        "BTC-USD,executed,2025-06-15T15:10,100,101,2025-06-15T16:10\n"
        "DOGE-USD,executed,2025-06-15T15:10,1,,\n"
        "BTC-USD,skipped,2025-06-15T15:11,,,\n"
    )

    first = await call(gateway, "journal", "import", str(file), code=1)
    second = await call(gateway, "journal", "import", str(file), code=1)

    assert "2 added, 0 stood like that already\nline 3: symbol DOGEUSDT is unknown" in first.stdout
    assert "0 added, 2 stood like that already" in second.stdout


async def test_a_file_that_is_no_text_is_named(gateway, tmp_path):
    file = tmp_path / "mine.csv"
    file.write_bytes(b"ticker,action,opened,notes\nBTC-USD,skipped,2025-06-15T15:11,\xff\n")

    refused = await call(gateway, "journal", "import", str(file), code=1)

    assert f"{file}: no UTF-8 text" in refused.stderr


async def test_a_file_that_is_not_there_is_named(gateway, tmp_path):
    refused = await call(gateway, "journal", "import", str(tmp_path / "none.csv"), code=2)

    assert "none.csv' does not exist" in refused.stderr


async def test_a_line_that_has_moved_is_the_same_trade_and_two_alike_are_two(gateway, tmp_path):
    header, old = "ticker,action,opened\n", "BTC-USD,skipped,2025-06-15T15:11\n" * 2
    file = tmp_path / "mine.csv"
    file.write_text(header + old)
    first = await asked(gateway, "journal", "import", str(file))
    file.write_text(f"{header}BTC-USD,missed,2025-06-15T15:12\n{old}")
    second = await asked(gateway, "journal", "import", str(file))

    assert (first["added"], first["unchanged"]) == (2, 0)
    assert (second["added"], second["unchanged"]) == (1, 2)


@pytest.mark.parametrize("notes", [" between ", "one\rtwo", "one\r\ntwo\n"])
async def test_notes_come_back_to_the_last_character(gateway, notes):
    added = await asked(gateway, "journal", "add", *EXECUTED, "--id", "a", "--notes", notes)
    await call(gateway, "journal", "export", "trades.csv")

    assert added["trade"]["trade"]["notes"] == notes
    again = await asked(gateway, "journal", "import", "trades.csv")
    assert again == {"added": 0, "unchanged": 1, "refused": []}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ticker,action\n", "missing opened"),
        ("ticker,action,opened,leverage\n", "unknown leverage"),
        ("", "columns none"),
        ("ticker,action,opened\nBTC-USD,executed\n", "line 2: expected as many values"),
        ("ticker,action,opened\nBTC-USD,executed,soon\n", "line 2: opened: time 'soon'"),
        ("ticker,action,opened,exit\nBTC-USD,executed,1,2\n", "line 2: exit and closed belong"),
        ('ticker,action,opened\n"BTC-USD\n', "expected CSV"),
        ("ticker,ticker,action,opened\nBTC-USD,ETH-USD,skipped,1\n", "repeated ticker"),
        ('ticker,action,opened\n"BTC-USD"x,skipped,1\n', "line 2: ',' expected after"),
        ('"ticker"x,action,opened\nBTC-USD,skipped,1\n', "line 1: ',' expected after"),
        ('"ticker,action,opened\n', "line 1: unexpected end of data, expected CSV"),
        ("ticker,action,opened\n,executed,1\n", "line 2: ticker: expected a value"),
        (
            "trade_id,ticker,action,opened\na,BTC-USD,skipped,1\na,BTC-USD,skipped,2\n",
            "line 3: trade_id a stands in line 2",
        ),
    ],
)
async def test_a_file_that_cannot_be_read_records_nothing(gateway, tmp_path, text, said):
    file = tmp_path / "bad.csv"
    file.write_text(text)

    assert said in (await call(gateway, "journal", "import", str(file), code=1)).stderr
    assert (await asked(gateway, "journal", "list"))["trades"] == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("add", *EXECUTED[:4]), 2, "needs its price: --entry"),
        (("add", *EXECUTED, "--opened", "soon"), 2, "time 'soon'"),
        (("correct", "--id", "x"), 2, "nothing to correct"),
        (("correct", "--id", "x", "--clear", "exit", "--exit", "5"), 2, "exit: give a value, or"),
        (("show", ""), 2, "a name is empty"),
        (("correct", "--id", "", "--exit", "5"), 2, "a name is empty"),
        (("export", "x" * 300), 1, "File name too long"),
        (("correct", "--id", "x", "--exit", "1"), 1, "no trade 'x'"),
        (("show", "x"), 1, "`regimeflow journal list`"),
        (("show", "performance"), 2, "`regimeflow journal summary`"),
    ],
)
async def test_a_refusal_is_one_line_with_its_exit_code(gateway, words, code, said):
    assert said in (await call(gateway, "journal", *words, code=code)).stderr
