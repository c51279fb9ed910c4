"""Integrations, entities, and what syncs read and send

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gateway.db.types import Identifier, Key, UtcTimestamp

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_EXTERNAL_ID = sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table('conflicts',
    sa.Column('id', Identifier, nullable=False),
    sa.Column('instance_id', Identifier, nullable=False),
    sa.Column('entity_id', Identifier, nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('fields', sa.JSON(), nullable=False),
    sa.Column('external_version', sa.Text(), nullable=True),
    sa.Column('resolution', sa.JSON(), nullable=True),
    sa.Column('resolved_by', sa.Text(), nullable=True),
    sa.Column('created_at', UtcTimestamp(), nullable=False),
    sa.Column('updated_at', UtcTimestamp(), nullable=False),
    sa.Column('resolved_at', UtcTimestamp(), nullable=True),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_conflicts'))
    )
    op.create_index('ix_conflicts_tenant_id_id', 'conflicts', ['tenant_id', 'id'])
    op.create_index('uq_conflicts_open', 'conflicts', ['entity_id'], unique=True, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
    op.create_table('entities',
    sa.Column('id', Identifier, nullable=False),
    sa.Column('instance_id', Identifier, nullable=False),
    sa.Column('integration_name', sa.String(length=64), nullable=False),
    sa.Column('integration_id', _EXTERNAL_ID, nullable=True),
    sa.Column('kind', sa.String(length=64), nullable=False),
    sa.Column('name', sa.Text(), nullable=True),
    sa.Column('attributes', sa.JSON(), nullable=False),
    sa.Column('state', sa.Text(), nullable=True),
    sa.Column('state_at', UtcTimestamp(), nullable=True),
    sa.Column('parent', _EXTERNAL_ID, nullable=True),
    sa.Column('area', sa.Text(), nullable=True),
    sa.Column('external_version', sa.Text(), nullable=True),
    sa.Column('external_updated_at', UtcTimestamp(), nullable=True),
    sa.Column('content_hash', sa.LargeBinary(length=16), nullable=False),
    sa.Column('base', sa.JSON(), nullable=True),
    sa.Column('local_revision', sa.Integer(), nullable=False),
    sa.Column('user_data', sa.JSON(), nullable=True),
    sa.Column('changed_by', sa.String(length=16), nullable=False),
    sa.Column('deleted_at', UtcTimestamp(), nullable=True),
    sa.Column('deleted_by', sa.String(length=16), nullable=True),
    sa.Column('merged_into', _EXTERNAL_ID, nullable=True),
    sa.Column('created_at', UtcTimestamp(), nullable=False),
    sa.Column('updated_at', UtcTimestamp(), nullable=False),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_entities')),
    sa.UniqueConstraint('instance_id', 'kind', 'integration_id', name=op.f('uq_entities_instance_id_kind_integration_id'))
    )
    op.create_index('ix_entities_changed', 'entities', ['instance_id', 'kind', 'updated_at', 'id'])
    op.create_index('ix_entities_key', 'entities', ['tenant_id', 'integration_name', 'integration_id'])
    op.create_index('ix_entities_tenant_id_id', 'entities', ['tenant_id', 'id'])
    op.create_table('entity_changes',
    sa.Column('id', Identifier, nullable=False),
    sa.Column('instance_id', Identifier, nullable=False),
    sa.Column('entity_id', Identifier, nullable=False),
    sa.Column('operation', sa.String(length=16), nullable=False),
    sa.Column('fields', sa.JSON(), nullable=False),
    sa.Column('based_on', sa.Text(), nullable=True),
    sa.Column('idempotency_key', Key, nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('attempts_made', sa.Integer(), nullable=False),
    sa.Column('next_attempt_at', UtcTimestamp(), nullable=False),
    sa.Column('scheduled_at', UtcTimestamp(), nullable=False),
    sa.Column('lease_token', Identifier, nullable=True),
    sa.Column('lease_expires_at', UtcTimestamp(), nullable=True),
    sa.Column('reason', sa.String(length=64), nullable=True),
    sa.Column('detail', sa.Text(), nullable=True),
    sa.Column('actor_kind', sa.String(length=16), nullable=False),
    sa.Column('actor_name', sa.Text(), nullable=False),
    sa.Column('created_at', UtcTimestamp(), nullable=False),
    sa.Column('settled_at', UtcTimestamp(), nullable=True),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_entity_changes'))
    )
    op.create_index('ix_entity_changes_tenant_id_id', 'entity_changes', ['tenant_id', 'id'])
    op.create_index('ix_entity_changes_unsettled', 'entity_changes', ['entity_id', 'id'], sqlite_where=sa.text("state <> 'done' AND state <> 'dropped'"), postgresql_where=sa.text("state <> 'done' AND state <> 'dropped'"))
    op.create_index('ix_entity_changes_waiting', 'entity_changes', ['instance_id', 'next_attempt_at', 'id'], sqlite_where=sa.text("state = 'pending' OR state = 'sending'"), postgresql_where=sa.text("state = 'pending' OR state = 'sending'"))
    op.create_table('entity_history',
    sa.Column('id', Identifier, nullable=False),
    sa.Column('entity_id', Identifier, nullable=False),
    sa.Column('at', UtcTimestamp(), nullable=False),
    sa.Column('action', sa.String(length=16), nullable=False),
    sa.Column('origin', sa.String(length=16), nullable=False),
    sa.Column('actor_kind', sa.String(length=16), nullable=False),
    sa.Column('actor_name', sa.Text(), nullable=False),
    sa.Column('run_id', Identifier, nullable=True),
    sa.Column('changes', sa.JSON(), nullable=False),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_entity_history'))
    )
    op.create_index('ix_entity_history_at', 'entity_history', ['at'])
    op.create_index('ix_entity_history_entity_id_id', 'entity_history', ['entity_id', 'id'])
    op.create_table('integration_revisions',
    sa.Column('instance_id', Identifier, nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('configuration', sa.JSON(), nullable=False),
    sa.Column('sync', sa.JSON(), nullable=False),
    sa.Column('connection_id', Identifier, nullable=True),
    sa.Column('actor_kind', sa.String(length=16), nullable=False),
    sa.Column('actor_name', sa.Text(), nullable=False),
    sa.Column('created_at', UtcTimestamp(), nullable=False),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('instance_id', 'revision', name=op.f('pk_integration_revisions'))
    )
    op.create_table('named_changes',
    sa.Column('instance_id', Identifier, nullable=False),
    sa.Column('resource', sa.String(length=64), nullable=False),
    sa.Column('integration_id', _EXTERNAL_ID, nullable=False),
    sa.Column('event_id', Identifier, nullable=True),
    sa.Column('named_at', UtcTimestamp(), nullable=False),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('instance_id', 'resource', 'integration_id', name=op.f('pk_named_changes'))
    )
    op.create_table('push_marks',
    sa.Column('id', Identifier, nullable=False),
    sa.Column('instance_id', Identifier, nullable=False),
    sa.Column('entity_id', Identifier, nullable=False),
    sa.Column('change_id', Identifier, nullable=False),
    sa.Column('operation', sa.String(length=16), nullable=False),
    sa.Column('seen', sa.LargeBinary(length=16), nullable=True),
    sa.Column('answered_at', UtcTimestamp(), nullable=True),
    sa.Column('expires_at', UtcTimestamp(), nullable=False),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_push_marks'))
    )
    op.create_index('ix_push_marks_change_id', 'push_marks', ['change_id'])
    op.create_index('ix_push_marks_entity_id', 'push_marks', ['entity_id'])
    op.create_index('ix_push_marks_expires_at', 'push_marks', ['expires_at'])
    op.create_table('quarantine',
    sa.Column('id', Identifier, nullable=False),
    sa.Column('instance_id', Identifier, nullable=False),
    sa.Column('resource', sa.String(length=64), nullable=False),
    sa.Column('record_key', sa.LargeBinary(length=16), nullable=False),
    sa.Column('integration_id', sa.Text(), nullable=True),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('reasons', sa.JSON(), nullable=False),
    sa.Column('raw', sa.Text(), nullable=False),
    sa.Column('run_id', Identifier, nullable=True),
    sa.Column('times', sa.Integer(), nullable=False),
    sa.Column('first_at', UtcTimestamp(), nullable=False),
    sa.Column('last_at', UtcTimestamp(), nullable=False),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_quarantine')),
    sa.UniqueConstraint('instance_id', 'resource', 'record_key', name=op.f('uq_quarantine_instance_id_resource_record_key'))
    )
    op.create_index('ix_quarantine_tenant_id_id', 'quarantine', ['tenant_id', 'id'])
    op.create_table('sync_cursors',
    sa.Column('instance_id', Identifier, nullable=False),
    sa.Column('resource', sa.String(length=64), nullable=False),
    sa.Column('cursor', sa.JSON(), nullable=True),
    sa.Column('full_at', UtcTimestamp(), nullable=True),
    sa.Column('updated_at', UtcTimestamp(), nullable=False),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('instance_id', 'resource', name=op.f('pk_sync_cursors'))
    )
    op.create_table('sync_pages',
    sa.Column('run_id', Identifier, nullable=False),
    sa.Column('resource', sa.String(length=64), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('seen', sa.LargeBinary(), nullable=False),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('run_id', 'resource', 'number', name=op.f('pk_sync_pages'))
    )
    op.create_table('sync_runs',
    sa.Column('id', Identifier, nullable=False),
    sa.Column('instance_id', Identifier, nullable=False),
    sa.Column('job_id', Identifier, nullable=True),
    sa.Column('mode', sa.String(length=16), nullable=False),
    sa.Column('trigger', sa.String(length=32), nullable=False),
    sa.Column('is_plan', sa.Boolean(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('position', sa.JSON(), nullable=True),
    sa.Column('counts', sa.JSON(), nullable=False),
    sa.Column('errors', sa.JSON(), nullable=False),
    sa.Column('held', sa.JSON(), nullable=True),
    sa.Column('plan', sa.JSON(), nullable=True),
    sa.Column('error_code', sa.String(length=64), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('started_at', UtcTimestamp(), nullable=False),
    sa.Column('ended_at', UtcTimestamp(), nullable=True),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sync_runs'))
    )
    op.create_index('ix_sync_runs_instance_id_id', 'sync_runs', ['instance_id', 'id'])
    op.create_index('ix_sync_runs_tenant_id_id', 'sync_runs', ['tenant_id', 'id'])
    op.create_index('uq_sync_runs_held', 'sync_runs', ['instance_id'], unique=True, sqlite_where=sa.text("state = 'held'"), postgresql_where=sa.text("state = 'held'"))
    op.create_index('uq_sync_runs_running', 'sync_runs', ['instance_id'], unique=True, sqlite_where=sa.text("state = 'running' AND NOT is_plan"), postgresql_where=sa.text("state = 'running' AND NOT is_plan"))
    op.create_table('integrations',
    sa.Column('id', Identifier, nullable=False),
    sa.Column('tenant_id', Identifier, nullable=False),
    sa.Column('name', Key, nullable=False),
    sa.Column('type', sa.String(length=64), nullable=False),
    sa.Column('connection_id', Identifier, nullable=True),
    sa.Column('source_id', Identifier, nullable=True),
    sa.Column('schedule', sa.String(length=255), nullable=True),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('configuration', sa.JSON(), nullable=False),
    sa.Column('sync', sa.JSON(), nullable=False),
    sa.Column('prepared', sa.JSON(), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.Column('reason', sa.String(length=64), nullable=True),
    sa.Column('detail', sa.Text(), nullable=True),
    sa.Column('health_state', sa.String(length=16), nullable=False),
    sa.Column('health_since', UtcTimestamp(), nullable=True),
    sa.Column('health', sa.JSON(), nullable=False),
    sa.Column('data_at', UtcTimestamp(), nullable=True),
    sa.Column('activated_at', UtcTimestamp(), nullable=True),
    sa.Column('created_at', UtcTimestamp(), nullable=False),
    sa.Column('updated_at', UtcTimestamp(), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_integrations_tenant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_integrations')),
    sa.UniqueConstraint('tenant_id', 'name', name=op.f('uq_integrations_tenant_id_name'))
    )
    op.create_index('ix_integrations_connection_id', 'integrations', ['connection_id'])
    op.create_index('ix_integrations_source_id', 'integrations', ['source_id'])


def downgrade() -> None:
    for table in ("conflicts", "entities", "entity_changes", "entity_history", "integration_revisions", "named_changes", "push_marks", "quarantine", "sync_cursors", "sync_pages", "sync_runs", "integrations"):
        op.drop_table(table)
