"""The tables of alerts: rules with their states, where they are sent, and what was sent."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.storage.metadata import instant, metadata

__all__ = ["alert_channels", "alert_deliveries", "alert_rules", "alert_transitions"]

_EMPTY = text("'{}'")

# Where alerts are sent. `sealed` is the target with its secrets, as app.channels.sealing encrypts
# it; `shown` is what people may see of it.
alert_channels = Table(
    "alert_channels",
    metadata,
    Column("project_id", Text, ForeignKey("projects.project_id"), primary_key=True),
    Column("channel_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("shown", JSONB, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("failures", Integer, nullable=False, server_default=text("0")),  # messages in a row that failed
    Column("off_reason", Text),  # why it was turned off, if no person did that
    instant("busy_until", nullable=True),  # a worker sends to it until then
    instant("created_at", now=True),
    Column("created_by", Text, nullable=False),
    instant("updated_at", now=True),
)

# The messages of alerts, one row per channel. A row is written in the transaction of the change
# that it tells of, and stays as the log of its delivery. It holds no texts of calls.
alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("delivery_id", Uuid, primary_key=True),  # UUIDv7, so messages are in the order of writing
    Column("channel_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("message", JSONB, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    instant("due_at"),  # no attempt before this moment
    Column("status_code", Integer),
    Column("error", Text),
    instant("created_at"),
    instant("finished_at", nullable=True),
    ForeignKeyConstraint(
        ["project_id", "channel_id"],
        ["alert_channels.project_id", "alert_channels.channel_id"],
        ondelete="CASCADE",
    ),
    CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state"),
    Index("ix_alert_deliveries_channel", "project_id", "channel_id", "delivery_id"),
    Index("ix_alert_deliveries_due", "due_at", postgresql_where=text("state = 'pending'")),
)

# Alert rules with their states. `definition` is a monitoring.alerting.rules.Rule, and `state` a
# monitoring.alerting.states.AlertState.
alert_rules = Table(
    "alert_rules",
    metadata,
    Column("project_id", Text, ForeignKey("projects.project_id"), primary_key=True),
    Column("rule_id", Uuid, primary_key=True),
    Column("definition", JSONB, nullable=False),
    Column("channels", ARRAY(Uuid), nullable=False, server_default=_EMPTY),
    Column("enabled", Boolean, nullable=False),
    Column("state", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("version", Integer, nullable=False, server_default=text("1")),  # of the definition
    instant("due_at"),  # the moment of the next evaluation
    instant("created_at"),
    Column("created_by", Text, nullable=False),
    instant("updated_at"),
    Index("ix_alert_rules_due", "due_at", postgresql_where=text("enabled")),
)

alert_transitions = Table(
    "alert_transitions",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("transition_id", Uuid, primary_key=True),  # UUIDv7
    Column("rule_id", Uuid, nullable=False),
    instant("at"),
    Column("group_name", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("value", Double),
    Column("n", BigInteger, nullable=False),
    Column("threshold", Double),
    Column("change", Text),  # a change of behaviour in words
    Index("ix_alert_transitions_rule", "project_id", "rule_id", "transition_id"),
)
