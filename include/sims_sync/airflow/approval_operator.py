"""The tasks ``approve`` and ``approve_leavers``: what is over a limit waits for a person, in Airflow's own Required
Actions (SPEC section 7)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import TaskAwaitingInput
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import CreateHITLDetailPayload

from sims_sync.airflow.running import running
from sims_sync.airflow.settings import RUN_TIMEOUT
from sims_sync.airflow.smtp import AirflowPost
from sims_sync.model.errors import PermanentFault
from sims_sync.runs.standing import OPTIONS, REJECT

if TYPE_CHECKING:
    from sims_sync.night.gate import Gate
    from sims_sync.night.run import Run
    from sims_sync.runs.documents import Reference

_WHY = "why"
_ASKED_WHY = Param(
    None,
    type=["null", "string"],
    maxLength=2000,
    title="If you reject it: why?",
    description="Stands on the run's page, for those who may edit. Airflow keeps it, too: name nobody.",
)
"""What the form of the question asks beside the answer."""


class Approval(HITLOperator):
    """Lets through what is within the limits; what is held waits until a person approves it.

    The approval is for that plan (its hash), and holds for it when the run is cleared. It lapses before the next
    scheduled run; rejection and time-out fail the run, and are not tried again (``airflow.retries``). A question that
    Airflow could not take is.

    :param stage: the task's id, and which gate it is (``night.approval.GATES``).
    :param told: what the task before it returned.
    :returns: the reference of the approval, which names the plan.
    """

    template_fields = ("told",)
    ui_color = "#e8f7e4"

    def __init__(self, *, stage: str, school_id: str, told: Any, **options: Any) -> None:
        super().__init__(
            task_id=stage,
            subject="",  # subject and body are made from the plan
            body="",
            options=list(OPTIONS),
            defaults=REJECT,
            response_timeout=RUN_TIMEOUT,  # until the plan is there to tell
            **options,
        )
        self.school_id = school_id
        self.told = told

    def execute(self, context: Any) -> dict[str, Any]:
        """Let the plan through, or park the task until a person has answered."""
        from sims_sync.night.approval import lapse

        with running(self.task_id, self.school_id) as run:
            gate = self._gate(run)
            passed = gate.passes()
            if passed is not None:
                return passed.model_dump()
            now, ends_at = datetime.now(UTC), context["dag_run"].start_date + RUN_TIMEOUT
            lapses_at = lapse(run, gate.plan.saved_at, now, ends_at=ends_at)
            self.response_timeout = lapses_at - datetime.now(UTC)
            self.subject = gate.subject
            self.body = gate.question(lapses_at, AirflowPost().places(run.school, run.run_id).run.url)
            self.options = list(gate.options)
            # Airflow executes a copy of the operator that the DAG was made with; it calls plain functions too.
            self.notifiers = [lambda _: _mail(gate, lapses_at)]  # type: ignore[list-item]
            self.log.info("Held: %s", " ".join(gate.reasons))
            self._ask(gate, context)
            run.files.record_question(gate.plan, lapses_at, stage=self.task_id)
        try:
            super().execute(context)
        except TaskAwaitingInput as waiting:
            waiting.kwargs = {"asked": gate.plan.reference.sha256}
            raise
        raise AssertionError("Airflow parks the task by an exception")

    def execute_complete(self, context: Any, event: dict[str, Any], asked: str = "") -> dict[str, Any]:
        """Go on after the answer, or after the time for it is over.

        :param asked: the hash of the plan that was asked about.
        :raises NotApproved: it was rejected, or nobody answered in time.
        :raises PermanentFault: the plan is not the one asked about.
        """
        from sims_sync.night.approval import trigger_again

        with running(self.task_id, self.school_id) as run:
            gate = self._gate(run)
            if gate.plan.reference.sha256 != asked:
                raise PermanentFault(
                    "The plan was made anew after its approval was asked for; nothing was written.",
                    advice=trigger_again(run),
                )
            super().execute_complete(context, event)
            (option,) = event["chosen_options"]
            by, why = (event.get("responded_by_user") or {}).get("name"), (event.get("params_input") or {}).get(_WHY)
            return gate.decide(option, by, str(why or "")).model_dump()

    def _gate(self, run: Run) -> Gate:
        from sims_sync.night.approval import GATES

        return GATES[self.task_id].open(run, self._reference())

    def _reference(self) -> Reference | None:
        """What the task before told, none where it was marked as done by hand."""
        from sims_sync.runs.documents import Reference

        return None if self.told is None else Reference.model_validate(self.told)

    def _ask(self, gate: Gate, context: Any) -> None:
        """Put the question to Airflow.

        :raises PermanentFault: Airflow goes on showing the question of an earlier plan of this run. Airflow 3.3 keeps
            subject and body when a task that was cleared asks again (apache/airflow#73235).
        """
        from sims_sync.night.approval import trigger_again
        from sims_sync.night.gate import name_of

        ask = CreateHITLDetailPayload(
            ti_id=context["ti"].id,
            options=self.options,
            subject=self.subject,
            body=self.body,
            defaults=self.defaults,
            multiple=False,
            params={_WHY: _ASKED_WHY.serialize()},
            assigned_users=[],
        )
        shown: Any = task_runner.SUPERVISOR_COMMS.send(ask)
        if name_of(gate.plan) not in shown.body:
            raise PermanentFault(
                "The plan is held, but Airflow would show the numbers of this run's earlier plan to the person who is "
                f"asked to approve it. Why it is held: {' '.join(gate.reasons)}",
                advice=trigger_again(gate.run),
            )


def _mail(gate: Gate, lapses_at: datetime) -> None:
    """Tell the data team that it waits for them."""
    post = AirflowPost()
    post.send(gate.run.school, gate.mail(lapses_at, post.places(gate.run.school, gate.run.run_id)))
