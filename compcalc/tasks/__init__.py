"""Tasks: which molecules train, which test in distribution (ID), which test out of distribution (OOD)."""

from compcalc.tasks.splits import Task, all_tasks, get_task

__all__ = ["Task", "all_tasks", "get_task"]
