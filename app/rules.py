"""The installation's own rules: read from the file that LLM_MONITOR_RULES names."""

from __future__ import annotations

from pathlib import Path

from app.config import Settings
from app.errors import StartupError
from monitoring.evaluation import find_evaluators
from monitoring.evaluator import Evaluator
from monitoring.rules.file import RuleError, Rules, parse_rules

__all__ = ["load_evaluators", "read_rules"]


def load_evaluators(settings: Settings) -> tuple[Evaluator, ...]:
    """Build every evaluator that this installation runs.

    Raises StartupError, with file and line where it is the rules' fault.
    """
    rules = read_rules(settings.rules)
    try:
        return find_evaluators(rules)
    except RuleError as error:
        raise _refusal(settings.rules, error) from error
    except ValueError as error:
        raise StartupError(f"an evaluator cannot be built: {error}") from error


def read_rules(path: Path | None) -> Rules:
    """Read a file of rules, none for None; raises StartupError that names file, line and what to do."""
    if path is None:
        return Rules()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StartupError(
            f"the rules in {path} cannot be read ({reason}): correct LLM_MONITOR_RULES"
        ) from error
    except UnicodeDecodeError as error:
        raise StartupError(f"the rules in {path} are no UTF-8 text: save the file as UTF-8") from error
    try:
        return parse_rules(text)
    except RuleError as error:
        raise _refusal(path, error) from error


def _refusal(path: Path | None, error: RuleError) -> StartupError:
    return StartupError(f"{path}:{error.line}: {error.message}")
