"""Declarative bases: control tables live in schema ``control``, tenant tables in whichever schema is bound."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, TypeAlias
from uuid import UUID

from sqlalchemy import BigInteger, Date, DateTime, MetaData, Numeric, Row, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase

# A row of named columns, where naming each column's type again would say nothing new.
AnyRow: TypeAlias = Row[*tuple[Any, ...]]

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
TYPES: dict[Any, Any] = {
    str: Text(),
    int: BigInteger(),
    datetime: DateTime(timezone=True),
    date: Date(),
    Decimal: Numeric(),
    UUID: Uuid(),
    dict[str, Any]: JSONB(none_as_null=True),
    list[Any]: JSONB(none_as_null=True),
    list[str]: ARRAY(Text()),
    list[UUID]: ARRAY(Uuid()),
}


class ControlBase(DeclarativeBase):
    """Tables of the control plane."""

    metadata = MetaData(schema="control", naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = TYPES


class TenantBase(DeclarativeBase):
    """Tables of one tenant. Nothing here names a schema: the bound ``search_path`` decides."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = TYPES
