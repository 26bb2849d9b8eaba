"""Consumer groups that a test leaves behind."""

from __future__ import annotations

import time
from collections.abc import Mapping

from deploy.topics.admin import ClusterFailed, delete_groups

WITHIN_S = 60.0


def forget_groups(cluster: Mapping[str, str]) -> None:
    """Delete every group once it is empty: a static or killed member stays until its session ends.

    Raises:
        ClusterFailed: After ``WITHIN_S``, a member is still there or the cluster does not answer.
    """
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            return delete_groups(cluster)
        except ClusterFailed as failed:
            if failed.args[0].name() != "NON_EMPTY_GROUP" or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
