"""Consumer groups that a test leaves behind."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterator, Mapping

from confluent_kafka.admin import AdminClient

from deploy.topics.admin import ClusterFailed, delete_groups

WITHIN_S = 60.0
LEAVE_GROUP_V1 = (13, 1)  # the key and the version of the request in Kafka's protocol


def forget_groups(cluster: Mapping[str, str]) -> None:
    """Delete every group. Its static members leave first: by themselves they never do.

    Raises:
        ClusterFailed: After ``WITHIN_S``, a member is still there or the cluster does not answer.
    """
    deadline = time.monotonic() + WITHIN_S
    while True:
        evict_static_members(cluster)
        try:
            return delete_groups(cluster)
        except ClusterFailed as failed:
            if failed.args[0].name() != "NON_EMPTY_GROUP" or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def evict_static_members(cluster: Mapping[str, str]) -> None:
    """End the sessions of members that have stopped, which else take six seconds to end."""
    host, port = cluster["bootstrap.servers"].split(":")
    members = list(_static_members(cluster))
    if not members:
        return
    with socket.create_connection((host, int(port)), WITHIN_S) as broker:
        for number, (group, member) in enumerate(members):
            header = struct.pack(">hhi", *LEAVE_GROUP_V1, number)
            request = header + _text("tests") + _text(group) + _text(member)
            broker.sendall(struct.pack(">i", len(request)) + request)
            with contextlib.closing(broker.makefile("rb")) as answers:
                answers.read(struct.unpack(">i", answers.read(4))[0])


def _static_members(cluster: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the group and the id of each member that has a name of its own."""
    admin = AdminClient(dict(cluster))
    groups = [group.group_id for group in admin.list_consumer_groups().result(WITHIN_S).valid]
    if not groups:
        return
    for group, described in admin.describe_consumer_groups(groups).items():
        for member in described.result(WITHIN_S).members:
            if member.group_instance_id is not None:
                yield group, member.member_id


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()
