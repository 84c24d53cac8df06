"""Contracts: what is billed and what is not, and one contract with its terms, its proof, and what holds each milestone."""

from functools import partial

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath

from billwright.kernel.ids import read
from billwright.receivables.retained import list_holdbacks
from billwright.web.portal import queries_contracts as queries
from billwright.web.portal.contract_view import contract_page
from billwright.web.portal.listing_contracts import BILLING, CONTRACTS
from billwright.web.portal.listing_page import list_page
from billwright.web.portal.mends import mend_of
from billwright.web.portal.visit import Visit, provide_visit


class ContractController(Controller):
    path = "/t/{slug:str}/contracts"
    include_in_schema = False
    dependencies = {"visit": Provide(provide_visit, sync_to_thread=True)}  # noqa: RUF012 - Litestar's way

    @get(sync_to_thread=True)
    def show_contracts(self, visit: NamedDependency[Visit]) -> Response[str]:
        return list_page(visit, CONTRACTS)

    @get("/{contract_id:str}", sync_to_thread=True)
    def show_contract(self, visit: NamedDependency[Visit], contract_id: FromPath[str]) -> Response[str]:
        visit.require("contract:read")
        identifier = read("ctr", contract_id)
        with visit.reading() as tx:
            facts = queries.read_facts(tx, identifier)
            items = queries.milestone_items(tx, identifier)
            work = queries.work_sums(tx, identifier)
            standing = queries.standing_of(tx, identifier)
            invoices = queries.invoices_on(tx, identifier) if visit.may("invoice:read") else []
            holdbacks = list_holdbacks(tx, contract_id=identifier) if visit.may("receivable:read") else []
        page = contract_page(facts, items, work)
        return visit.page(
            "contract.html",
            room="contracts",
            title=f"Contract {facts.head.number}",
            page=page,
            head=facts.head,
            standing=standing,
            invoices=invoices,
            holdbacks=holdbacks,
            billing=BILLING,
            mend_of=partial(mend_of, on_contract=True),
        )
