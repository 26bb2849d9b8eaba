"""The two shapes of the contract: a record on a topic, and the topic itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from schemas.bounds import TimeMs
from schemas.timeframes import DAY_MS

# A model keeps what it is in four places; their descriptors write past the guard of frozen records.
_set_values, _set_names, _set_extra, _set_private = (
    BaseModel.__dict__[place].__set__
    for place in (
        "__dict__",
        "__pydantic_fields_set__",
        "__pydantic_extra__",
        "__pydantic_private__",
    )
)

_new = object.__new__

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
# UTC epoch milliseconds. A small one is no date: 0 stands for a time not yet known.
Milliseconds = TimeMs
Timeframe = Annotated[int, Field(gt=0, le=31 * DAY_MS, description="Bar length in milliseconds")]
# Letters of any script and digits: no other ASCII, no small ASCII letter, no space. Names are
# folded by schemas.symbols; this pattern means the same to every reader of JSON Schema.
Symbol = Annotated[
    str,
    Field(
        pattern=r"^[^\s\x00-\x2f\x3a-\x40\x5b-\x7f]{2,30}$",
        description="Canonical symbol, e.g. BTCUSDT",
    ),
]


class Record(BaseModel):
    """A value on a topic: frozen, strict, finite; unknown fields of newer writers are ignored."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    VERSION: ClassVar[int] = 1
    _NAMES: ClassVar[set[str]] = set()  # of all fields

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls._NAMES = set(cls.model_fields)

    @classmethod
    def schema_name(cls) -> str:
        """Name and version as written in the ``schema`` header, e.g. ``Bar.v1``."""
        return f"{cls.__name__}.v{cls.VERSION}"

    @classmethod  # the slash: no field's name is compared with ``cls``
    def unchecked(cls, /, **fields: Any) -> Self:
        """Return a record of values that are known to be right, without validating them again.

        Args:
            fields: Every field in declared order, each value as validation would leave it: finite
                numbers of Python's own types, records, tuples. Nothing is converted or copied.
        """
        record: Self = _new(cls)
        _set_values(record, fields)
        _set_names(record, cls._NAMES)  # shared: a frozen record never changes it
        _set_extra(record, None)
        _set_private(record, None)
        return record

    def changed(self, values: dict[str, Any]) -> Self:
        """Return a copy with other values, which are known to be right as in ``unchecked``."""
        record: Self = _new(type(self))
        _set_values(record, self.__dict__ | values)
        _set_names(record, self._NAMES)
        _set_extra(record, None)
        _set_private(record, None)
        return record

    def encode(self) -> bytes:
        """Return the canonical JSON bytes: declared field order, no spaces, nulls kept."""
        return self.__pydantic_serializer__.to_json(self)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Parse and validate; raises ``pydantic.ValidationError``."""
        record: Self = cls.__pydantic_validator__.validate_json(raw)
        return record


@dataclass(frozen=True, eq=False)
class Topic:
    """One row of the topic table; a row is equal to itself only, and quickly compared.

    Attributes:
        name: ``<flow>.<plural noun>.v<N>``.
        record: The one record type on this topic.
        key: Field of the record that is the Kafka key.
        compact: Keep the last record of each key, instead of every record for ever.
        retention_ms: How long facts are kept; -1 for ever.
        meaning: One line for people.
        kept_as_logs: It tells what the system did; an environment may keep its logs for longer.
        single: It has one partition on every cluster: one order over all its keys matters, or it
            holds next to nothing.
    """

    name: str
    record: type[Record]
    key: str
    meaning: str
    compact: bool = False
    retention_ms: int = -1
    single: bool = False
    kept_as_logs: bool = False

    @property
    def dead_letters(self) -> str:
        """Name of the topic that takes what cannot be read from this one."""
        return f"{self.name}.dlq"

    def key_of(self, record: Record) -> str:
        """Return the Kafka key of a record of this topic."""
        return str(getattr(record, self.key))
