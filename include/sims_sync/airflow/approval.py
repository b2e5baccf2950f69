"""The task ``approve``: a plan over a limit waits for a person, in Airflow's own Required Actions (SPEC section 7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.providers.standard.exceptions import HITLRejectException
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import TaskAwaitingInput
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CreateHITLDetailPayload

from sims_sync.airflow.mail import places, send
from sims_sync.airflow.run import Run, running
from sims_sync.airflow.settings import PLAN_LIFETIME, RUN_TIMEOUT
from sims_sync.errors import NotApproved, PermanentFault
from sims_sync.mails.kinds import plan_held

if TYPE_CHECKING:
    from sims_sync.runs.stages import Reference, StageOutput

_MARGIN = timedelta(hours=1)
"""An approval lapses so long before the next run is due (a tenth of the time that is left, if that is less): what was
approved must be written by then."""


class ApprovePlan(ApprovalOperator):
    """Lets a plan through that is within the limits; one that is held waits until a person approves it.

    The approval is for that plan (its hash). It lapses before the next scheduled run; rejection and time-out fail the
    run, and nothing has been written.

    :param planned: what the task ``plan`` returned.
    :returns: the reference of the approval, which names the plan.
    """

    template_fields = ("planned",)
    ui_color = "#e8f7e4"

    def __init__(self, *, school_id: str, planned: Any, **options: Any) -> None:
        super().__init__(
            subject="",  # subject and body are made from the plan
            body="",
            defaults=self.REJECT,
            fail_on_reject=True,
            retries=0,  # a rejection that is retried would ask again
            response_timeout=RUN_TIMEOUT,  # until the plan is there to tell
            **options,
        )
        self.school_id = school_id
        self.planned = planned

    def execute(self, context: Any) -> Reference:
        """Let the plan through, or park the task until a person has answered."""
        with running("approve", self.school_id) as run:
            plan = run.files.open("plan", self.planned)
            if not needs_approval(run, plan):
                return approved(run, plan, held=False)
            lapses_at = lapse(run, context["dag_run"].start_date, plan.saved_at, datetime.now(UTC))
            self.response_timeout = lapses_at - datetime.now(UTC)
            self.subject = f"{run.school.name}: approve {sum(plan.counts[kind] for kind in _KINDS)} changes?"
            self.body = question(run, plan, lapses_at)
            # Airflow executes a copy of the operator that the DAG was made with; it calls plain functions too.
            self.notifiers = [lambda _: _mail(run, plan, lapses_at)]  # type: ignore[list-item]
            self.log.info("The plan is held: %s", " ".join(plan.facts["held"]))
            self._ask(run, plan, context)
        try:
            super().execute(context)
        except TaskAwaitingInput as waiting:
            waiting.kwargs = {"asked": plan.reference["sha256"]}
            raise
        raise AssertionError("Airflow parks the task by an exception")

    def execute_complete(self, context: Any, event: dict[str, Any], asked: str = "") -> Reference:
        """Go on after the answer, or after the time for it is over.

        :param asked: the hash of the plan that was asked about.
        :raises NotApproved: the plan was rejected, or nobody answered in time.
        :raises PermanentFault: it is not the one asked about.
        """
        with running("approve", self.school_id) as run:
            if (self.planned or {}).get("sha256") != asked:
                raise PermanentFault(
                    "The plan was made anew after its approval was asked for; nothing was written.",
                    advice=_trigger_again(run),
                )
            plan = run.files.open("plan", self.planned)
            who = (event.get("responded_by_user") or {}).get("name")
            try:
                super().execute_complete(context, event)
            except HITLRejectException:
                how = f"{who} rejected the plan" if who else "Nobody approved the plan in time: it lapsed"
                raise NotApproved(
                    f"{how}; nothing was written. Why it was held: {' '.join(plan.facts['held'])}",
                    advice="When the reason is settled, clear the run from `extract`, or wait for the next one.",
                ) from None
            return approved(run, plan, held=True, by=who)

    def _ask(self, run: Run, plan: StageOutput, context: Any) -> None:
        """Put the question to Airflow.

        :raises PermanentFault: Airflow goes on showing the question of an earlier plan of this run. Airflow 3.3 keeps
            subject and body when a task that was cleared asks again (apache/airflow#73235).
        """
        ask = CreateHITLDetailPayload(
            ti_id=context["ti"].id,
            options=self.options,
            subject=self.subject,
            body=self.body,
            defaults=self.defaults,
            multiple=False,
            params={},
            assigned_users=[],
        )
        shown: Any = task_runner.SUPERVISOR_COMMS.send(ask)
        if _named(plan) not in shown.body:
            raise PermanentFault(
                "The plan is held, but Airflow would show the numbers of this run's earlier plan to the person who is "
                f"asked to approve it. Why it is held: {' '.join(plan.facts['held'])}",
                advice=_trigger_again(run),
            )


_KINDS = {
    "create": "to create",
    "update": "to update",
    "enable": "to enable again",
    "disable": "to disable",
    "unlink_role": "to lose the role only",
}


def _mail(run: Run, plan: StageOutput, lapses_at: datetime) -> None:
    """Tell the data team that a plan waits for them, and where to answer."""
    mail = plan_held(
        run.school,
        effective_date=plan.facts["effective_date"],
        reasons=plan.facts["held"],
        counts={words: plan.counts[kind] for kind, words in _KINDS.items()},
        lapses_at=lapses_at,
        places=places(run.school.dag_id, run.run_id),
    )
    send(run.school, mail)


def _trigger_again(run: Run) -> str:
    date = run.parameters.effective_date
    return f"Trigger the DAG again with `effective_date` {date}: a new run asks about its own plan."


def needs_approval(run: Run, plan: StageOutput) -> bool:
    """Whether a plan waits for a person: it is held, and would be written."""
    return bool(plan.facts["held"]) and not run.parameters.dry_run and not plan.facts["superseded"]


def lapse(run: Run, started_at: datetime, planned_at: datetime, now: datetime) -> datetime:
    """When an approval lapses: before the next scheduled run, the end of the run's time, and the end of the plan's."""
    from croniter import croniter

    ends = [started_at + RUN_TIMEOUT, planned_at + PLAN_LIFETIME]
    if run.school.cron:
        next_run: datetime = croniter(run.school.cron, now.astimezone(ZoneInfo(run.school.timezone))).get_next(datetime)
        ends.append(next_run.astimezone(UTC))
    end = min(ends)
    left = max(end - now, timedelta(0))
    return now + left - min(_MARGIN, left / 10)


def question(run: Run, plan: StageOutput, lapses_at: datetime) -> str:
    """What the person who decides must know, in Markdown, without a value of a student."""
    at = lapses_at.astimezone(ZoneInfo(run.school.timezone))
    lines = [
        f"The plan of {run.school.name} for the roll of {plan.facts['effective_date']} is **held**. "
        "Nothing is written until it is approved.",
        "",
        "**Why**",
        "",
        *(f"- {reason}" for reason in plan.facts["held"]),
        "",
        "| accounts | |",
        "|---|---:|",
        *(f"| {words} | {plan.counts[kind]:,} |" for kind, words in _KINDS.items()),
        f"| unchanged | {plan.counts['unchanged']:,} |",
        f"| records rejected | {sum(plan.facts['rejected'].values()):,} |",
        "",
        f"**Approve** only if these numbers are what the school expects; **Reject** writes nothing and fails the run. "
        f"Without an answer the plan lapses at {at:%H:%M} on {at:%A %d %B} ({run.school.timezone}).",
        "",
        f"{_named(plan)}: `{plan.folder.name}/plan/plan.json` in the school's folder of the "
        "store lists each change with its cause.",
    ]
    return "\n".join(lines)


def _named(plan: StageOutput) -> str:
    return f"Plan `{plan.reference['sha256'][:12]}`"


def approved(run: Run, plan: StageOutput, *, held: bool, by: str | None = None) -> Reference:
    """Save what `load` asks for: which plan went through, and who let it.

    :param held: whether a person was asked; :param by: their name.
    """
    facts = {"plan": plan.reference, "held": held, "approved_by": by}
    return run.files.save("approve", {}, counts={}, facts=facts)
