"""SCIM filters and sort orders as SQL, for the attributes that have a column (RFC 7644 sections 3.4.2.2 and 3.4.2.3).

Only what SQL answers exactly as scim2-models does is translated; the rest is left to scim2-models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scim2_models import ScimFilter, SearchRequest
from scim2_models.path import (
    AttributeBinding,
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)
from sqlalchemy import ColumnElement, and_, not_, or_, select

from sandbox.directory.tables import accounts, roles

COLUMNS: Mapping[str, ColumnElement[Any]] = {
    "id": accounts.c.id,
    "userName": accounts.c.user_name,
    "externalId": accounts.c.external_id,
}


def condition_of(scim_filter: ScimFilter[Any]) -> ColumnElement[bool] | None:
    """The condition on :data:`accounts` that a filter stands for, or None when SQL cannot answer it exactly.

    Translated are ``eq`` with a text on id, userName, externalId and roles.value, ``pr`` on the first three, and
    any and, or and not of these.
    """
    if scim_filter.model is None:  # a search at the root: attributes mean something else for each type
        return None
    try:
        return _Translation(scim_filter).visit(scim_filter.ast)
    except _Untranslatable:
        return None


def order_of(search: SearchRequest[Any]) -> list[ColumnElement[Any]] | None:
    """The columns that a search sorts by, or None when SQL cannot sort exactly; unsorted means as created."""
    if search.sort_by is None:
        return [accounts.c.number]
    binding = search.sort_by.resolve() if len(search.sort_by.models) == 1 else None
    if binding is None or (column := COLUMNS.get(_name(binding))) is None:
        return None
    if search.sort_order == SearchRequest.SortOrder.descending:
        return [column.is_not(None), column.desc(), accounts.c.number.desc()]
    return [column.is_(None), column, accounts.c.number]


class _Untranslatable(Exception):
    """SQL cannot answer this filter as scim2-models would."""


class _Translation(FilterVisitor[ColumnElement[bool]]):
    def __init__(self, scim_filter: ScimFilter[Any]) -> None:
        self.filter = scim_filter

    def visit_comparison(self, node: Comparison) -> ColumnElement[bool]:
        binding = self.filter.resolve_comparison(node.attr_path, strict=False)
        if binding is None or node.op != CompareOperator.eq or not isinstance(node.value, str):
            raise _Untranslatable
        wanted = binding.comparable(node.value)
        if _name(binding) == "roles.value":
            return select(roles.c.account).where(roles.c.account == accounts.c.number, roles.c.value == wanted).exists()
        column = self._column(binding)
        return and_(column.is_not(None), column == wanted)  # never NULL, so that `not` works

    def visit_present(self, node: Present) -> ColumnElement[bool]:
        column = self._column(self.filter.resolve(node.attr_path, strict=False))
        return and_(column.is_not(None), column != "")

    def visit_value_path(self, node: ValuePath) -> ColumnElement[bool]:
        inner: FilterNode = node.val_filter
        if not isinstance(inner, Comparison) or inner.attr_path.sub_attr or node.attr_path.sub_attr:
            raise _Untranslatable
        dotted = AttrPath(node.attr_path.attr, inner.attr_path.attr, node.attr_path.uri)
        return self.visit_comparison(Comparison(dotted, inner.op, inner.value))

    def visit_not(self, node: Not) -> ColumnElement[bool]:
        return not_(self.visit(node.expr))

    def visit_logical_expr(self, node: LogicalExpr) -> ColumnElement[bool]:
        join = and_ if node.op == LogicalOperator.and_ else or_
        return join(*(self.visit(term) for term in node.terms))

    @staticmethod
    def _column(binding: AttributeBinding | None) -> ColumnElement[Any]:
        column = COLUMNS.get(_name(binding)) if binding is not None else None
        if column is None:
            raise _Untranslatable
        return column


def _name(binding: AttributeBinding) -> str:
    """The attribute's name in the core schema; one of an extension keeps its URN and so never meets a column."""
    return binding.urn.removeprefix("urn:ietf:params:scim:schemas:core:2.0:User:")
