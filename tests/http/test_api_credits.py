"""Credit notes over HTTP: who may ask for what, and what is refused with what to do."""

from typing import Any

from billwright.kernel.ids import new_id, show
from support.api import Api
from support.crediting import an_invoice, receivable, with_series

WHOLE: dict[str, Any] = {"reason_code": "disputed", "reason": "Not as agreed.", "then": "release"}


def issued(api: Api) -> str:
    """The path of an issued invoice over 10,000.00."""
    with_series(api.firm)
    return f"/v1/invoices/{show('inv', an_invoice(api.firm).id)}"


def test_a_part_is_credited_and_what_is_left_is_shown(api: Api) -> None:
    path = issued(api)
    line = {"line": 1, "amount": {"amount": "2500.00", "currency": "EUR"}}

    note = api.post(f"{path}/credit", {**WHOLE, "lines": [line]}, expect=201)

    assert (note["document_type"], note["net"]["amount"], note["credits"]) == (
        "credit_note", "-2500.00", path.rpartition("/")[2],
    )  # fmt: skip
    shown = api.get(f"{path}/creditable")
    (left,) = shown["lines"]
    assert (left["quantity_left"], left["net_left"]["amount"], len(left["items"])) == ("0.75", "7500.00", 1)
    assert [each["id"] for each in shown["credit_notes"]] == [note["id"]]


def test_more_than_is_left_is_refused_with_what_is_left(api: Api) -> None:
    path = issued(api)
    line = {"line": 1, "amount": {"amount": "10000.01", "currency": "EUR"}}

    problem = api.post(f"{path}/credit", {**WHOLE, "lines": [line]}, expect=422)

    assert "10,000.00 EUR is left" in problem["detail"]
    api.post(f"{path}/credit", {**WHOLE, "lines": [{"line": 7}]}, expect=404)
    api.post(f"{path}/credit", {**WHOLE, "then": "forget"}, expect=422)


def test_a_correction_makes_two_linked_documents(api: Api) -> None:
    path = issued(api)

    note = api.post(f"{path}/correct", {"reason_code": "wrong_price", "reason": "Wrong price."}, expect=201)
    api.firm.drain()

    newest, *_ = api.get("/v1/invoices")["items"]
    assert note["credits"] == newest["replaces"] == path.rpartition("/")[2]
    assert newest["document_type"] == "invoice"


def test_what_was_released_is_decided_once(api: Api) -> None:
    path = issued(api)
    api.post(f"{path}/credit", WHOLE, expect=201)
    api.firm.drain()
    item = show("bil", api.firm.item().id)

    assert api.post(f"/v1/items/{item}/rebill", {"decision": "write_off"}, expect=200) == {"state": "written_off"}
    api.post(f"/v1/items/{item}/rebill", {"decision": "rebill"}, expect=409)


def test_a_void_takes_two_people_and_their_rights(api: Api) -> None:
    path = issued(api)
    finance = api.person("finance", "finance_approver")
    api.post(f"{path}/void", {"reason": "Wrong entity"}, token=finance, expect=403)
    api.post(f"{path}/void", {"reason": "Wrong entity"}, expect=202)
    api.post(f"{path}/void/decide", {"decision": "void"}, expect=403)

    assert api.post(f"{path}/void/decide", {"decision": "void"}, token=finance, expect=200)["phase"] == "void"
    api.post(f"{path}/credit", WHOLE, expect=409)


def test_credit_that_is_left_is_refunded_once(api: Api) -> None:
    path = issued(api)
    invoice = api.firm.invoices()[0]
    data = {"ref": "P1", "customer": "C1", "invoice_number": invoice.number, "amount": "10000.00", "currency": "EUR"}
    (result,) = api.firm.store([api.firm.event("payment", {**data, "paid_on": "2026-03-01"})])
    assert result.status == "accepted"
    api.firm.drain()
    api.post(f"{path}/credit", WHOLE, expect=201)
    api.firm.drain()
    note = api.firm.invoices()[-1]
    credit = f"/v1/receivables/{show('rcv', receivable(api.firm, note.id).id)}"
    refund = {"ref": "R1", "amount": {"amount": "10000.00", "currency": "EUR"}, "paid_on": "2026-03-02"}

    owed = show("rcv", receivable(api.firm, invoice.id).id)
    api.post(f"{credit}/apply-credit", {"receivable": owed}, expect=422)
    assert api.post(f"{credit}/refund", refund, expect=200)["left"]["amount"] == "0.00"
    assert api.post(f"{credit}/refund", refund, expect=200)["left"]["amount"] == "0.00"
    api.post(f"{credit}/refund", {**refund, "ref": "R2"}, expect=422)


def test_readers_and_strangers_change_nothing(api: Api) -> None:
    path = issued(api)
    auditor = api.person("auditor", "auditor")

    for name, body in (("credit", WHOLE), ("correct", {"reason_code": "other", "reason": "x"}), ("drop", {})):
        api.post(f"{path}/{name}", body, token=auditor, expect=403)
    api.post(f"/v1/items/{show('bil', new_id())}/rebill", {"decision": "rebill"}, token=auditor, expect=403)
    api.post(f"/v1/invoices/{show('inv', new_id())}/credit", WHOLE, expect=404)
    api.get(f"/v1/invoices/{show('inv', new_id())}/creditable", expect=404)
    api.post(f"/v1/items/{show('bil', new_id())}/rebill", {"decision": "rebill"}, expect=404)
    api.post(f"{path}/drop", {}, expect=404)
