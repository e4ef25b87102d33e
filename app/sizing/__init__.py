"""What a machine can take, and what a given load needs."""

from app.sizing.figures import Figures
from app.sizing.plan import Demand, Need, plan

__all__ = ["Demand", "Figures", "Need", "plan"]
