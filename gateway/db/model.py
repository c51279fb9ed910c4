"""The declarative base, and what every tenant-owned row has.

The tables themselves live with the packages that own them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from gateway.db.types import Identifier

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(naming_convention=NAMING)


SYSTEM = "system"
"""What stands for a tenant's id in a row that belongs to none; no tenant has this id."""


class TenantOwned:
    """A row that belongs to one tenant. Sessions opened for a tenant see and write only its rows."""

    tenant_id: Mapped[str] = mapped_column(Identifier)


class ConfigurationKind(StrEnum):
    """What in-memory snapshots are built from. Each kind has a revision of its own."""

    TENANTS = "tenants"
    SOURCES = "sources"  # with their credentials
    DESTINATIONS = "destinations"  # with their secrets
    ROUTES = "routes"
    API_KEYS = "api_keys"


class Configuration:
    """A row that in-memory snapshots are built from: any change of one moves the revision of its kind."""

    configuration_kind: ClassVar[ConfigurationKind]


class Revision(Base):
    """Counts changes of configuration, so that a snapshot can tell cheaply what of it is current. See `revisions`."""

    __tablename__ = "revisions"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)
