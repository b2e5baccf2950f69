"""The task ``approve``: a plan over a limit waits for a person, in Airflow's own Required Actions (SPEC section 7)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.exceptions import HITLRejectException
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import TaskAwaitingInput
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CreateHITLDetailPayload

from sims_sync.airflow.running import running
from sims_sync.airflow.settings import RUN_TIMEOUT
from sims_sync.airflow.smtp import AirflowPost
from sims_sync.model.errors import PermanentFault

if TYPE_CHECKING:
    from sims_sync.night.run import Run
    from sims_sync.runs.documents import PlanFacts, Reference
    from sims_sync.runs.reading import StageOutput


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

    def execute(self, context: Any) -> dict[str, Any]:
        """Let the plan through, or park the task until a person has answered."""
        from sims_sync.night import approval
        from sims_sync.runs.documents import PlanFacts

        with running("approve", self.school_id) as run:
            plan = run.files.open(PlanFacts, self._planned())
            if not approval.needs_approval(run, plan):
                return approval.approved(run, plan, asked=False).model_dump()
            now, ends_at = datetime.now(UTC), context["dag_run"].start_date + RUN_TIMEOUT
            lapses_at = approval.lapse(run, plan.saved_at, now, ends_at=ends_at)
            self.response_timeout = lapses_at - datetime.now(UTC)
            self.subject = approval.subject(run, plan)
            self.body = approval.question(run, plan, lapses_at)
            # Airflow executes a copy of the operator that the DAG was made with; it calls plain functions too.
            self.notifiers = [lambda _: approval.mail_question(run, plan, lapses_at, AirflowPost())]  # type: ignore[list-item]
            self.log.info("The plan is held: %s", " ".join(plan.facts.reasons))
            self._ask(run, plan, context)
            run.files.record_question(plan, lapses_at)
        try:
            super().execute(context)
        except TaskAwaitingInput as waiting:
            waiting.kwargs = {"asked": plan.reference.sha256}
            raise
        raise AssertionError("Airflow parks the task by an exception")

    def execute_complete(self, context: Any, event: dict[str, Any], asked: str = "") -> dict[str, Any]:
        """Go on after the answer, or after the time for it is over.

        :param asked: the hash of the plan that was asked about.
        :raises NotApproved: the plan was rejected, or nobody answered in time.
        :raises PermanentFault: it is not the one asked about.
        """
        from sims_sync.night import approval
        from sims_sync.runs.documents import PlanFacts

        with running("approve", self.school_id) as run:
            planned = self._planned()
            if planned is None or planned.sha256 != asked:
                raise PermanentFault(
                    "The plan was made anew after its approval was asked for; nothing was written.",
                    advice=approval.trigger_again(run),
                )
            plan = run.files.open(PlanFacts, planned)
            who = (event.get("responded_by_user") or {}).get("name")
            try:
                super().execute_complete(context, event)
            except HITLRejectException:
                raise approval.not_approved(plan, who) from None
            return approval.approved(run, plan, asked=True, by=who).model_dump()

    def _planned(self) -> Reference | None:
        """What `plan` told, none where it was marked as done by hand."""
        from sims_sync.runs.documents import Reference

        return None if self.planned is None else Reference.model_validate(self.planned)

    def _ask(self, run: Run, plan: StageOutput[PlanFacts], context: Any) -> None:
        """Put the question to Airflow.

        :raises PermanentFault: Airflow goes on showing the question of an earlier plan of this run. Airflow 3.3 keeps
            subject and body when a task that was cleared asks again (apache/airflow#73235).
        """
        from sims_sync.night import approval

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
        if approval.name_of(plan) not in shown.body:
            raise PermanentFault(
                "The plan is held, but Airflow would show the numbers of this run's earlier plan to the person who is "
                f"asked to approve it. Why it is held: {' '.join(plan.facts.reasons)}",
                advice=approval.trigger_again(run),
            )
