"""Descriptions of the routes of budgets, channels, alerts and labels, for the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from app.api.alert_rules import (
    AlertHistory,
    AlertList,
    AlertRuleIn,
    AlertRuleList,
    AlertRuleMade,
    SnoozeIn,
)
from app.api.boards import BoardList
from app.api.budgets import BudgetIn, BudgetList, BudgetPatch, CheckIn
from app.api.channels import (
    ChannelIn,
    ChannelList,
    ChannelOut,
    ChannelPatch,
    DeliveryOut,
    DeliveryPage,
    NewChannel,
)
from app.api.descriptions import REF, header, json_body, ref, route, shown
from app.api.labels import LabelIn
from app.api.reviewing import ReviewList
from app.api.saved_views import SavedViewIn, SavedViewList, SavedViewOut
from app.budgets.checking import CheckAnswer
from app.schemas.boards import BoardFile
from app.schemas.labels import Label

__all__ = [
    "ALERTS_SHOWN",
    "ALERT_HISTORY_SHOWN",
    "ALERT_RULES_SHOWN",
    "ALERT_RULE_BODY",
    "ALERT_RULE_CHANGE",
    "ALERT_RULE_SHOWN",
    "ALERT_RULE_TRIED",
    "ALERT_SHOWN",
    "ALERT_SNOOZE",
    "BOARDS_SHOWN",
    "BOARD_BODY",
    "BOARD_SHOWN",
    "BUDGETS_SHOWN",
    "BUDGET_BODY",
    "BUDGET_CHECK",
    "BUDGET_PATCH",
    "BUDGET_SHOWN",
    "CHANNELS_SHOWN",
    "CHANNEL_BODY",
    "CHANNEL_PATCH",
    "CHANNEL_SHOWN",
    "DEFINITIONS",
    "DELIVERIES_SHOWN",
    "DELIVERY_SHOWN",
    "EXPORT_SHOWN",
    "LABEL_BODY",
    "READY_RULE_CHOSEN",
    "REVIEW_SHOWN",
    "STRUCTS",
    "VIEWS_SHOWN",
    "VIEW_BODY",
]

STRUCTS = (
    ChannelIn,
    ChannelPatch,
    ChannelOut,
    NewChannel,
    ChannelList,
    DeliveryOut,
    DeliveryPage,
    BudgetIn,
    BudgetPatch,
    BudgetList,
    CheckIn,
    CheckAnswer,
    AlertRuleMade,
    AlertRuleList,
    AlertList,
    AlertHistory,
    LabelIn,
    Label,
    ReviewList,
    SavedViewIn,
    SavedViewOut,
    SavedViewList,
    BoardFile,
    BoardList,
)
"""The bodies of these routes that msgspec reads or writes."""

CHANNELS_SHOWN = shown("ChannelList", "Channels without their secrets")
CHANNEL_SHOWN = shown("ChannelOut", "The channel without its secrets")
CHANNEL_BODY = json_body("ChannelIn", {201: ("NewChannel", "Made; `secret` is shown this once")})
CHANNEL_PATCH = json_body("ChannelPatch", {200: ("NewChannel", "Changed; a new `secret` is shown this once")})
DELIVERY_SHOWN = shown("DeliveryOut", "What became of the message")
DELIVERIES_SHOWN = shown("DeliveryPage", "Deliveries")
BUDGETS_SHOWN = shown("BudgetList", "Budgets and how they stand")
BUDGET_SHOWN = shown("BudgetOut", "A budget and how it stands")
BUDGET_BODY = json_body("BudgetIn", {201: ("BudgetOut", "Made")})
BUDGET_PATCH = json_body("BudgetPatch", {200: ("BudgetOut", "Changed")})
BUDGET_CHECK = json_body("CheckIn", {200: ("CheckAnswer", "Whether the call may be made")})

_HEADER = {"schema": {"type": "string"}}
EXPORT_SHOWN: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The rows, as one file",
            "content": {
                "application/x-ndjson": {"schema": {"type": "string"}},
                "text/csv": {"schema": {"type": "string"}},
                "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
            },
            "headers": {
                "Export-Cut": {
                    **_HEADER,
                    "description": "What was accepted before this moment is in the file.",
                },
                "Export-Next": {**_HEADER, "description": "The cursor of the next piece, if there is one."},
                "Export-Calls": {**_HEADER, "description": "The number of calls in this piece."},
                "Export-Share": {
                    **_HEADER,
                    "description": "How much of the time is behind this piece, 0 to 1.",
                },
            },
        }
    }
}
REVIEW_SHOWN = shown("ReviewList", "Claimed calls")
LABEL_BODY = json_body("LabelIn", {201: ("Label", "Kept")})
BOARDS_SHOWN = shown("BoardList", "Boards")
BOARD_SHOWN = shown("BoardFile", "The board as a file")
BOARD_BODY = route(
    {"application/json": ref("BoardFile")},
    {200: ("BoardFile", "Replaced, or as it was"), 201: ("BoardFile", "Made")},
    [
        header(
            "If-Match",
            "The ETag of the board that is replaced, or * for any. Without it: 428 for a known id.",
        )
    ],
)
VIEWS_SHOWN = shown("SavedViewList", "Saved views")
VIEW_BODY = json_body("SavedViewIn", {201: ("SavedViewOut", "Saved")})

ALERTS_SHOWN = shown("AlertList", "The states of all rules")
ALERT_SHOWN = shown("AlertStateOut", "The state of the rule")
ALERT_HISTORY_SHOWN = shown("AlertHistory", "Transitions")
ALERT_RULES_SHOWN = shown("AlertRuleList", "Rules, and those that may be chosen")
ALERT_RULE_SHOWN = shown("AlertRuleOut", "The rule")
_RULE = {"application/json": AlertRuleIn.model_json_schema(ref_template=REF.replace("name", "model"))}
DEFINITIONS = _RULE["application/json"].pop("$defs")
_MADE = {201: ("AlertRuleMade", "Made, and tried on the last thirty days")}
ALERT_RULE_BODY = {**route(_RULE, _MADE, []), "status_code": 201}
READY_RULE_CHOSEN = {"responses": ALERT_RULE_BODY["responses"], "status_code": 201}
ALERT_RULE_CHANGE = route(_RULE, {200: ("AlertRuleMade", "Changed, and tried")}, [])
ALERT_RULE_TRIED = route(_RULE, {200: ("RuleTrial", "What it would have done")}, [])
ALERT_SNOOZE = route(
    {"application/json": SnoozeIn.model_json_schema()}, {200: ("AlertStateOut", "Snoozed")}, []
)
