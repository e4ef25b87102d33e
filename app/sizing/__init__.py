"""The capacity of a machine, and the needs of a given load."""

from app.sizing.figures import Figures
from app.sizing.plan import Demand, Need, plan

__all__ = ["Demand", "Figures", "Need", "plan"]
