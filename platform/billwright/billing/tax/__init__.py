"""Tax of a line: what decides it (``facts``), the tables of rates, rules and reasons (``data``), and the decision."""

from billwright.billing.tax.decide import decide_tax
from billwright.billing.tax.facts import Component, Problem, Tax, TaxDecision, TaxFacts, parts_of, tax_of

__all__ = ["Component", "Problem", "Tax", "TaxDecision", "TaxFacts", "decide_tax", "parts_of", "tax_of"]
