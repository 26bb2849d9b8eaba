"""Log files: rotated by size, merged in time, nothing lost between two looks."""

from __future__ import annotations

import io
import json

import pytest

from deploy.local.log_files import OLDER_FILES, LogFile, LogReader, Wanted, process_names


def event(second, name="bar.closed", level="info", **facts):
    time = f"2026-01-01T00:00:{second:02}.000000Z"
    return json.dumps({"time": time, "level": level, "process": "x", "event": name, **facts})


def seconds(lines):
    return [int(line["time"][17:19]) for line in lines]


def test_lines_of_several_processes_come_in_the_order_of_time(tmp_path):
    market, ingest = LogFile(tmp_path, "market"), LogFile(tmp_path, "ingest")
    for second in (1, 4):
        market.write(event(second))
    for second in (0, 2, 5):
        ingest.write(event(second))

    lines = LogReader(tmp_path, Wanted()).read()

    assert seconds(lines) == [0, 1, 2, 4, 5]
    assert process_names(tmp_path) == ["ingest", "market"]


def test_a_second_look_has_only_what_is_new_also_over_a_rotation(tmp_path):
    file = LogFile(tmp_path, "market", most_bytes=200)
    reader = LogReader(tmp_path, Wanted())
    looked = []
    for second in range(9):
        file.write(event(second))
        looked += seconds(reader.read())

    assert looked == list(range(9))
    assert (tmp_path / "market.log.1").exists()


def test_older_files_are_kept_up_to_a_number_and_read_first(tmp_path):
    file = LogFile(tmp_path, "market", most_bytes=1)
    for second in range(10):
        file.write(event(second))

    kept = seconds(LogReader(tmp_path, Wanted()).read())

    assert kept == list(range(10))[-len(kept) :]
    assert len(list(tmp_path.iterdir())) == OLDER_FILES + 1


def test_a_line_that_is_being_written_is_left_for_the_next_look(tmp_path):
    path = tmp_path / "market.log"
    path.write_text(event(1) + "\n" + event(2)[:30])
    reader = LogReader(tmp_path, Wanted())

    first = seconds(reader.read())
    with path.open("a") as more:
        more.write(event(2)[30:] + "\n")

    assert (first, seconds(reader.read())) == ([1], [2])


def test_output_that_is_no_event_is_wrapped_as_one(tmp_path):
    file = LogFile(tmp_path, "market")

    file.follow(io.BytesIO(f"Segmentation fault\n\n{event(1)}\n".encode())).join()

    wrapped, ours = sorted(
        LogReader(tmp_path, Wanted()).read(), key=lambda line: line["event"], reverse=True
    )
    assert (wrapped["event"], wrapped["process"]) == ("process.said", "market")
    assert wrapped["said"] == "Segmentation fault"
    assert ours["event"] == "bar.closed"


def test_the_last_words_are_errors_and_what_was_no_event(tmp_path):
    file = LogFile(tmp_path, "market")

    for line in (event(1), "UNIVERSE: no such symbol", event(2, level="error", cause="no broker")):
        file.write(line)

    assert list(file.last_words) == ["UNIVERSE: no such symbol", "no broker"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(level="warning"), [3]),
        (Wanted(since="2026-01-01T00:00:02"), [2, 3]),
        (Wanted(processes=("ingest",)), [2]),
    ],
)
def test_lines_are_chosen_by_process_level_and_time(tmp_path, wanted, expected):
    market, ingest = LogFile(tmp_path, "market"), LogFile(tmp_path, "ingest")
    market.write(event(1))
    ingest.write(event(2))
    market.write(event(3, level="error"))

    assert seconds(LogReader(tmp_path, wanted).read()) == expected


def test_what_is_damaged_or_foreign_is_passed_over(tmp_path):
    (tmp_path / "market.log").write_text('{"time": 1\n[]\n{"a": 1}\n' + event(1) + "\n")

    assert seconds(LogReader(tmp_path, Wanted()).read()) == [1]


@pytest.mark.parametrize("odd", [{"level": "trace"}, {"level": 30}, {"time": 12}, {"event": None}])
def test_json_of_a_library_that_is_no_line_of_ours_is_wrapped_as_any_words(tmp_path, odd):
    file = LogFile(tmp_path, "market")

    file.write(json.dumps({**json.loads(event(1)), **odd}))
    (tmp_path / "older.log").write_text(json.dumps({**json.loads(event(1)), **odd}) + "\n")

    (line,) = LogReader(tmp_path, Wanted()).read()
    assert line["event"] == "process.said"
