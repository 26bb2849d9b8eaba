"""Arrow columns of a record type, the same in every file: a folder reads as one table."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pyarrow as pa
from pydantic import BaseModel, JsonValue

from schemas.record import Record

SCALARS: dict[Any, Any] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    bytes: pa.binary(),
}
JSON = pa.string()  # holds JSON text
POSITION = (pa.field("partition", pa.int32()), pa.field("offset", pa.int64()))


def arrow_schema(record: type[Record]) -> pa.Schema:
    """Return the columns of a record type, followed by the record's partition and offset."""
    fields = record.model_fields
    return pa.schema(
        [*(pa.field(n, arrow_type(f.annotation)) for n, f in fields.items()), *POSITION]
    )


def arrow_type(annotation: Any) -> pa.DataType:
    """Return the Arrow type of a field's annotation.

    Raises:
        TypeError: The annotation has no Arrow type here.
    """
    if annotation in SCALARS:
        return SCALARS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _nested_type(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return arrow_type(type(arguments[0]))
    if origin in (Annotated, Union, types.UnionType):
        return arrow_type(next(a for a in arguments if a is not type(None)))
    if origin is tuple:
        return pa.list_(arrow_type(arguments[0]))
    if origin in (dict, Mapping):
        free = arguments[1] is JsonValue
        return JSON if free else pa.map_(pa.string(), arrow_type(arguments[1]))
    raise TypeError(f"{annotation!r} has no column type; add it to workers/archive/columns.py")


def _nested_type(model: type[BaseModel]) -> pa.DataType:
    """Return a struct; JSON text for request parameters, whose shape differs by kind of request."""
    if not issubclass(model, Record):
        return JSON
    return pa.struct([pa.field(n, arrow_type(f.annotation)) for n, f in model.model_fields.items()])


def arrow_table(schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table; Arrow takes a mapping as a list of pairs."""
    arrays = [
        pa.array([_arrow_value(row[f.name], f.type) for row in rows], type=f.type) for f in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _arrow_value(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_map(kind):
        return [(key, _arrow_value(item, kind.item_type)) for key, item in value.items()]
    if pa.types.is_struct(kind):
        return {f.name: _arrow_value(value[f.name], f.type) for f in kind}
    if pa.types.is_string(kind) and not isinstance(value, str):
        return json.dumps(value)
    if pa.types.is_list(kind):
        return [_arrow_value(item, kind.value_type) for item in value]
    return value
