"""Why a local broker cannot start: one class for each remedy.

BrokerError               the message says why, and what to do next
|-- JarsError             the jars cannot be fetched, or differ from the lock
|-- HomeInUseError        another process uses this folder
|-- PortTakenError        another program listens on the port
|-- DiskFullError         less free space than the broker needs
|-- FolderError           the data folder is corrupt, or cannot be written
`-- BrokerDiedError       it ended, or was not ready in time; its log says why
"""

from __future__ import annotations


class BrokerError(Exception):
    """The local broker cannot run; the message says why and what to do next."""


class JarsError(BrokerError):
    """The broker's jars cannot be fetched, or are not the ones the lock names."""


class HomeInUseError(BrokerError):
    """Another process uses the broker's folder."""


class PortTakenError(BrokerError):
    """Another program listens on the broker's port."""


class DiskFullError(BrokerError):
    """The disk has less free space than the broker needs."""


class FolderError(BrokerError):
    """The broker's folder is corrupt, belongs to something else, or cannot be written."""


class BrokerDiedError(BrokerError):
    """The broker ended, or did not get ready in time; the message quotes its log."""
