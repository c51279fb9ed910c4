"""App credentials, flows, connections and the vault

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.db.types import Identifier, Key, UtcTimestamp

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_IS_LIVE = sa.text("state <> 'revoked'")
_IS_DUE = sa.text("refresh_at IS NOT NULL")
_IS_TO_WARN = sa.text("refresh_expires_at IS NOT NULL AND warned_at IS NULL AND state <> 'revoked' AND state <> 'needs_reauth'")
_IS_ENDED = sa.text("revoked_at IS NOT NULL")
_IS_AWAITED = sa.text("account_key IS NOT NULL AND state <> 'revoked'")


def upgrade() -> None:
    for table in ("destinations", "routes"):
        op.add_column(table, sa.Column("connection_id", Identifier, nullable=True))
    op.create_table('connect_sessions',
    sa.Column('id', Identifier, nullable=False),
    sa.Column('app_credentials_id', Identifier, nullable=True),
    sa.Column('reconnect_id', Identifier, nullable=True),
    sa.Column('reference', Key, nullable=True),
    sa.Column('scopes', sa.JSON(), nullable=True),
    sa.Column('parameters', sa.JSON(), nullable=False),
    sa.Column('return_to', sa.Text(), nullable=True),
    sa.Column('theme', sa.JSON(), nullable=False),
    sa.Column('is_embedded', sa.Boolean(), nullable=False),
    sa.Column('token_digest', sa.LargeBinary(length=32), nullable=False),
    sa.Column('form_digest', sa.LargeBinary(length=32), nullable=True),
    sa.Column('browser_digest', sa.LargeBinary(length=32), nullable=True),
    sa.Column('asker_kind', sa.String(16), nullable=False),
    sa.Column('asker_id', Identifier, nullable=True),
    sa.Column('asker_name', sa.Text(), nullable=False),
    sa.Column('created_at', UtcTimestamp(), nullable=False),
    sa.Column('opened_at', UtcTimestamp(), nullable=True),
    sa.Column('expires_at', UtcTimestamp(), nullable=False),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_connect_sessions')),
    sa.UniqueConstraint('token_digest', name=op.f('uq_connect_sessions_token_digest'))
    )
    op.create_index(op.f('ix_connect_sessions_expires_at'), 'connect_sessions', ['expires_at'])
    op.create_index('ix_connect_sessions_tenant_id_id', 'connect_sessions', ['tenant_id', 'id'])
    op.create_table('oauth_flows',
    sa.Column('id', Identifier, nullable=False),
    sa.Column('session_id', Identifier, nullable=False),
    sa.Column('app_credentials_id', Identifier, nullable=False),
    sa.Column('reconnect_id', Identifier, nullable=True),
    sa.Column('provider', sa.String(64), nullable=False),
    sa.Column('kind', sa.String(32), nullable=False),
    sa.Column('state_digest', sa.LargeBinary(length=32), nullable=False),
    sa.Column('browser_digest', sa.LargeBinary(length=32), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=True),
    sa.Column('scopes', sa.JSON(), nullable=False),
    sa.Column('parameters', sa.JSON(), nullable=False),
    sa.Column('created_at', UtcTimestamp(), nullable=False),
    sa.Column('expires_at', UtcTimestamp(), nullable=False),
    sa.Column('consumed_at', UtcTimestamp(), nullable=True),
    sa.Column('outcome', sa.String(64), nullable=True),
    sa.Column('detail', sa.Text(), nullable=True),
    sa.Column('connection_id', Identifier, nullable=True),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_oauth_flows')),
    sa.UniqueConstraint('state_digest', name=op.f('uq_oauth_flows_state_digest'))
    )
    op.create_index(op.f('ix_oauth_flows_expires_at'), 'oauth_flows', ['expires_at'])
    op.create_index('ix_oauth_flows_tenant_id_id', 'oauth_flows', ['tenant_id', 'id'])
    op.create_index('ix_oauth_flows_session_id', 'oauth_flows', ['session_id'])
    op.create_table('revocations',
    sa.Column('id', Identifier, nullable=False),
    sa.Column('connection_id', Identifier, nullable=False),
    sa.Column('provider', sa.String(64), nullable=False),
    sa.Column('client_id', sa.Text(), nullable=False),
    sa.Column('parameters', sa.JSON(), nullable=False),
    sa.Column('kept', sa.JSON(), nullable=False),
    sa.Column('account_id', sa.Text(), nullable=True),
    sa.Column('created_at', UtcTimestamp(), nullable=False),
    sa.Column('gives_up_at', UtcTimestamp(), nullable=False),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_revocations'))
    )
    op.create_index('ix_revocations_tenant_id_id', 'revocations', ['tenant_id', 'id'])
    op.create_table('vault',
    sa.Column('owner_id', Identifier, nullable=False),
    sa.Column('field', sa.String(64), nullable=False),
    sa.Column('sealed_value', sa.LargeBinary(), nullable=False),
    sa.Column('updated_at', UtcTimestamp(), nullable=False),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('owner_id', 'field', name=op.f('pk_vault'))
    )
    op.create_table('app_credentials',
    sa.Column('id', Identifier, nullable=False),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.Column('name', Key, nullable=False),
    sa.Column('provider', sa.String(64), nullable=False),
    sa.Column('client_id', sa.Text(), nullable=False),
    sa.Column('parameters', sa.JSON(), nullable=False),
    sa.Column('scopes', sa.JSON(), nullable=True),
    sa.Column('disabled_at', UtcTimestamp(), nullable=True),
    sa.Column('created_at', UtcTimestamp(), nullable=False),
    sa.Column('updated_at', UtcTimestamp(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_app_credentials_tenant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_app_credentials')),
    sa.UniqueConstraint('tenant_id', 'name', name=op.f('uq_app_credentials_tenant_id_name'))
    )
    op.create_table('connections',
    sa.Column('id', Identifier, nullable=False),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.Column('provider', sa.String(64), nullable=False),
    sa.Column('app_credentials_id', Identifier, nullable=True),
    sa.Column('way', sa.String(32), nullable=False),
    sa.Column('reference', Key, nullable=True),
    sa.Column('state', sa.String(32), nullable=False),
    sa.Column('account_id', sa.Text(), nullable=True),
    sa.Column('account_label', sa.Text(), nullable=True),
    sa.Column('account_key', sa.LargeBinary(length=32), nullable=True),
    sa.Column('scopes_asked', sa.JSON(), nullable=False),
    sa.Column('scopes_granted', sa.JSON(), nullable=True),
    sa.Column('parameters', sa.JSON(), nullable=False),
    sa.Column('kept', sa.JSON(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('access_expires_at', UtcTimestamp(), nullable=True),
    sa.Column('refresh_expires_at', UtcTimestamp(), nullable=True),
    sa.Column('refresh_at', UtcTimestamp(), nullable=True),
    sa.Column('scheduled_at', UtcTimestamp(), nullable=False),
    sa.Column('lease_token', Identifier, nullable=True),
    sa.Column('lease_expires_at', UtcTimestamp(), nullable=True),
    sa.Column('intent_at', UtcTimestamp(), nullable=True),
    sa.Column('refreshed_at', UtcTimestamp(), nullable=True),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('reason', sa.String(64), nullable=True),
    sa.Column('detail', sa.Text(), nullable=True),
    sa.Column('warned_at', UtcTimestamp(), nullable=True),
    sa.Column('connected_at', UtcTimestamp(), nullable=False),
    sa.Column('created_at', UtcTimestamp(), nullable=False),
    sa.Column('updated_at', UtcTimestamp(), nullable=False),
    sa.Column('revoked_at', UtcTimestamp(), nullable=True),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_connections_tenant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_connections'))
    )
    op.create_index('ix_connections_app_credentials_id', 'connections', ['app_credentials_id'])
    op.create_index('ix_connections_provider_state', 'connections', ['provider', 'state'], sqlite_where=_IS_LIVE, postgresql_where=_IS_LIVE)
    op.create_index('ix_connections_refresh_at', 'connections', ['refresh_at'], sqlite_where=_IS_DUE, postgresql_where=_IS_DUE)
    op.create_index('ix_connections_refresh_expires_at', 'connections', ['refresh_expires_at'], sqlite_where=_IS_TO_WARN, postgresql_where=_IS_TO_WARN)
    op.create_index('ix_connections_revoked_at', 'connections', ['revoked_at'], sqlite_where=_IS_ENDED, postgresql_where=_IS_ENDED)
    op.create_index('ix_connections_tenant_id_id', 'connections', ['tenant_id', 'id'])
    op.create_index('ix_connections_tenant_id_reference_id', 'connections', ['tenant_id', 'reference', 'id'])
    op.create_index('uq_connections_account', 'connections', ['tenant_id', 'provider', 'account_key'], unique=True, sqlite_where=_IS_AWAITED, postgresql_where=_IS_AWAITED)


def downgrade() -> None:
    for table in ("vault", "revocations", "connections", "oauth_flows", "connect_sessions", "app_credentials"):
        op.drop_table(table)
    for table in ("destinations", "routes"):
        op.drop_column(table, "connection_id")
