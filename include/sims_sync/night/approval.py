"""A plan over a limit waits for a person: what is asked, until when, and what follows from the answer (SPEC section
7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

from sims_sync.mails.messages import plan_held
from sims_sync.mails.post import Post
from sims_sync.model.errors import NotApproved
from sims_sync.night.run import Run
from sims_sync.runs.documents import ApproveFacts, PlanFacts, Reference
from sims_sync.runs.reading import StageOutput

PLAN_LIFETIME = timedelta(hours=24)
"""A plan is applied within this time, or not at all (SPEC section 7)."""

_MARGIN = timedelta(hours=1)
"""An approval lapses so long before the next run is due (a tenth of the time that is left, if that is less): what was
approved must be written by then."""

_KINDS = {
    "create": "to create",
    "update": "to update",
    "enable": "to enable again",
    "disable": "to disable",
    "unlink_role": "to lose the role only",
}


def needs_approval(run: Run, plan: StageOutput[PlanFacts]) -> bool:
    """Whether a plan waits for a person: it is held, and would be written."""
    return bool(plan.facts.reasons) and not run.parameters.dry_run and not plan.facts.superseded


def lapse(run: Run, planned_at: datetime, now: datetime, *, ends_at: datetime) -> datetime:
    """When an approval lapses: before the next scheduled run, the end of the run's time, and the end of the plan's.

    :param ends_at: when the run's time ends.
    """
    ends = [ends_at, planned_at + PLAN_LIFETIME]
    if run.school.cron:
        next_run: datetime = croniter(run.school.cron, now.astimezone(ZoneInfo(run.school.timezone))).get_next(datetime)
        ends.append(next_run.astimezone(UTC))
    end = min(ends)
    left = max(end - now, timedelta(0))
    return now + left - min(_MARGIN, left / 10)


def subject(run: Run, plan: StageOutput[PlanFacts]) -> str:
    """The question in one line."""
    return f"{run.school.name}: approve {sum(plan.told[kind] for kind in _KINDS)} changes?"


def question(run: Run, plan: StageOutput[PlanFacts], lapses_at: datetime) -> str:
    """What the person who decides must know, in Markdown, without a value of a student."""
    at = lapses_at.astimezone(ZoneInfo(run.school.timezone))
    lines = [
        f"The plan of {run.school.name} for the roll of {plan.facts.effective_date} is **held**. "
        "Nothing is written until it is approved.",
        "",
        "**Why**",
        "",
        *(f"- {reason}" for reason in plan.facts.reasons),
        "",
        "| accounts | |",
        "|---|---:|",
        *(f"| {words} | {plan.told[kind]:,} |" for kind, words in _KINDS.items()),
        f"| unchanged | {plan.told['unchanged']:,} |",
        f"| records rejected | {sum(plan.facts.rejected.values()):,} |",
        "",
        f"**Approve** only if these numbers are what the school expects; **Reject** writes nothing and fails the run. "
        f"Without an answer the plan lapses at {at:%H:%M} on {at:%A %d %B} ({run.school.timezone}).",
        "",
        f"{name_of(plan)}: `{plan.folder.name}/plan/plan.json` in the school's folder of the "
        "store lists each change with its cause.",
    ]
    return "\n".join(lines)


def name_of(plan: StageOutput[PlanFacts]) -> str:
    """What tells one plan from another in a question."""
    return f"Plan `{plan.reference.sha256[:12]}`"


def mail_question(run: Run, plan: StageOutput[PlanFacts], lapses_at: datetime, post: Post) -> None:
    """Tell the data team that a plan waits for them, and where to answer."""
    mail = plan_held(
        run.school,
        effective_date=plan.facts.effective_date.isoformat(),
        reasons=plan.facts.reasons,
        counts={words: plan.told[kind] for kind, words in _KINDS.items()},
        lapses_at=lapses_at,
        places=post.places(run.school, run.run_id),
    )
    post.send(run.school, mail)


def approved(run: Run, plan: StageOutput[PlanFacts], *, asked: bool, by: str | None = None) -> Reference:
    """Save what `load` asks for: which plan went through, and who let it.

    :param asked: whether a person was asked.
    :param by: their name.
    """
    return run.files.save(ApproveFacts(plan=plan.reference, asked=asked, approved_by=by), {}, counts={})


def not_approved(plan: StageOutput[PlanFacts], by: str | None) -> NotApproved:
    """The fault that follows from a plan which was rejected, or lapsed.

    :param by: who rejected it; none: nobody answered in time.
    """
    how = f"{by} rejected the plan" if by else "Nobody approved the plan in time: it lapsed"
    return NotApproved(
        f"{how}; nothing was written. Why it was held: {' '.join(plan.facts.reasons)}",
        advice="When the reason is settled, clear the run from `extract`, or wait for the next one.",
    )


def trigger_again(run: Run) -> str:
    """What to do where this run cannot ask."""
    date = run.parameters.effective_date
    return f"Trigger the DAG again with `effective_date` {date}: a new run asks about its own plan."
