class _Changes:
    """Differences between what triggers say and what is kept, gathered to be written in a few statements."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.seen: set[str] = set()
        self.drafts: set[UUID] = set()
        self._new: list[dict[str, Any]] = []
        self._updates: list[dict[str, Any]] = []
        self._entries: list[dict[str, Any]] = []
        self._timers: list[JobSpec] = []

    def take(self, contract_id: UUID, view: ContractView, proposal: ItemProposal, row: Any | None) -> None:
        self.seen.add(proposal.transaction_key)
        if proposal.look_again_at is not None:
            self._look_again(contract_id, proposal.look_again_at)
        values = _values(self.tx, contract_id, view, proposal)
        if row is None:
            identifier = new_id()
            since = None if proposal.ready else self.tx.now
            self._new.append({**values, "id": identifier, "waiting_since": since, "invoice_id": None})
            self._entry(identifier, None, values)
            return
        if row.proposal_sha256 == values["proposal_sha256"] and row.state != "cancelled":
            return
        if row.state == "billed":
            # What was billed stays; only what people should know about it is kept up to date.
            self._update(row, {**values, "state": "billed"}, notes_only=True)
            return
        if row.state == "drafted":
            self.drafts.add(row.invoice_id)
            if proposal.ready and all(getattr(row, name) == values[name] for name in DRAFT_IS_FOR):
                values["state"] = "drafted"  # else it leaves its draft, and is grouped anew when it is ready
        self._update(row, values)

    def withdraw(self, row: Any) -> None:
        """The source no longer has the fact: an unbilled item is cancelled, a billed one is marked for people."""
        if row.state in ("cancelled", "billed"):
            return
        if row.state == "drafted":
            self.drafts.add(row.invoice_id)
        self._updates.append({"b_id": row.id, "state": "cancelled", "reasons": ["withdrawn"], "invoice_id": None})
        self._entry(row.id, row.state, {"state": "cancelled", "reasons": ["withdrawn"]})

    def _update(self, row: Any, values: dict[str, Any], *, notes_only: bool = False) -> None:
        state = values["state"]
        columns = {"notes", "proposal_sha256", "updated_at"} if notes_only else set(values)
        change = {name: value for name, value in values.items() if name in columns}
        if not notes_only:
            change["invoice_id"] = row.invoice_id if state == "drafted" else None
            change["waiting_since"] = (row.waiting_since or self.tx.now) if state == "waiting" else None
        self._updates.append({"b_id": row.id, **change})
        self._entry(row.id, row.state, values)

    def _entry(self, item_id: UUID, before: str | None, values: dict[str, Any]) -> None:
        after: dict[str, Any] = {name: value for name, value in values.items() if name in AUDITED}
        self._entries.append(
            entry_values(
                self.tx,
                f"item.{values['state']}",
                "billable_item",
                item_id,
                before={"state": before} if before else None,
                after=after,
            )
        )

    def _look_again(self, contract_id: UUID, moment: datetime) -> None:
        self._timers.append(
            JobSpec(
                kind="billing.evaluate", key=f"look:{contract_id}", payload={"contract_id": contract_id}, run_at=moment
            )
        )

    def write(self) -> None:
        session = self.tx.session
        if self._new:
            insert_many(session, BillableItemRow, self._new)
        by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for change in self._updates:
            by_columns.setdefault(tuple(sorted(change)), []).append(change)
        for columns, changes in by_columns.items():
            statement = update(BillableItemRow).where(BillableItemRow.id == bindparam("b_id"))
            names = [name for name in columns if name != "b_id"]
            session.connection().execute(statement.values({name: bindparam(name) for name in names}), changes)
        record_many(self.tx, self._entries)
        soonest: dict[str, JobSpec] = {}
        for spec in self._timers:
            known = soonest.get(spec.key)
            if known is None or (spec.run_at or self.tx.now) < (known.run_at or self.tx.now):
                soonest[spec.key] = spec
        enqueue(self.tx, soonest.values())


def _values(tx: Tx, contract_id: UUID, view: ContractView, proposal: ItemProposal) -> dict[str, Any]:
    values: dict[str, Any] = {
        "transaction_key": proposal.transaction_key,
        "kind": proposal.kind,
        "subject_id": UUID(proposal.subject_id),
        "contract_id": contract_id,
        "customer_id": _uuid(view.customer_id),
        "project_id": _uuid(view.project_id),
        "state": "ready" if proposal.ready else "waiting",
        "reasons": list(proposal.reasons),
        "notes": list(proposal.notes),
        "description": proposal.description,
        "quantity": proposal.quantity,
        "unit": proposal.unit,
        "unit_price": proposal.unit_price,
        "amount_minor": proposal.amount.minor if proposal.amount else None,
        "currency": proposal.amount.currency if proposal.amount else None,
        "service_from": proposal.service_from,
        "service_to": proposal.service_to,
        "clause": proposal.clause,
        "contract_version_id": _uuid(proposal.contract_version_id),
        "change_order_id": _uuid(proposal.change_order_id),
        "rate_id": _uuid(proposal.rate_id),
        "acceptance_id": _uuid(proposal.acceptance_id),
        "evidence_ids": [UUID(evidence) for evidence in proposal.evidence_ids],
        "message_id": _uuid(proposal.message_id),
    }
    values["proposal_sha256"] = sha256_hex(values)
    values["updated_at"] = tx.now
    return values


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
