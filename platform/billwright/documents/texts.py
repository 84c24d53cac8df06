"""What an invoice says in each language. One frozen value per language, so that a missing text is a type error."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceTexts:
    """Words and sentences of a document. Placeholders in braces are filled by ``invoice_page``."""

    titles: dict[str, str]
    """Title by document type."""
    number: str
    issued_on: str
    due_on: str
    service_period: str
    purchase_order: str
    contract: str
    version: str
    clause: str
    project: str
    milestone: str
    accepted: str
    accepted_by: str
    accepted_by_only: str
    change_order: str
    change_order_signed: str
    bill_to: str
    sender: str
    position: str
    description: str
    quantity: str
    unit_price: str
    amount: str
    net: str
    taxable: str
    gross: str
    credit_total: str
    credits: str
    credit_reason: str
    replaces: str
    invoice_of: str
    tax_words: dict[str, str]
    """What the tax is called, by the seller's country; the empty key is for all others."""
    tax_names: dict[str, str]
    """The tax summary's label by category."""
    withholding: str
    """What the customer keeps back: rate, base, amount and reason."""
    exemptions: dict[str, str]
    """The sentence that the law wants for a category (EN 16931 codes; Directive 2006/112/EC, article 226)."""
    terms: str
    retained: str
    terms_at_once: str
    terms_credit: str
    payment: str
    pay_to: str
    iban: str
    bic: str
    bank: str
    account: str
    routing: str
    reference: str
    qr_caption: str
    pay_by_transfer: str
    pay_no_account: str
    tax_id: str
    registration: str
    contact: str
    page: str
    page_of: str
    units: dict[str, tuple[str, str]]
    """Singular and plural by UN/ECE Recommendation 20 code."""


INVOICE_TEXTS: Final[dict[str, InvoiceTexts]] = {
    "en": InvoiceTexts(
        titles={"invoice": "Invoice", "credit_note": "Credit note"},
        number="Number",
        issued_on="Date",
        due_on="Due by",
        service_period="Service period",
        purchase_order="Purchase order",
        contract="Contract",
        version="version {version}",
        clause="clause {clause}",
        project="Project",
        milestone="Milestone",
        accepted="accepted {date}",
        accepted_by="accepted {date} by {person}",
        accepted_by_only="accepted by {person}",
        change_order="Change order",
        change_order_signed="signed {date}",
        bill_to="Bill to",
        sender="From",
        position="No.",
        description="Description",
        quantity="Quantity",
        unit_price="Unit price",
        amount="Amount",
        net="Net amount",
        taxable="on {amount}",
        gross="Total due",
        credit_total="Total credited",
        credits="Credit for invoice",
        credit_reason="Reason",
        replaces="Replaces invoice",
        invoice_of="{number} of {date}",
        tax_words={"": "VAT", "US": "Sales tax", "CA": "GST/HST", "AU": "GST", "NZ": "GST", "SG": "GST", "IN": "GST"},
        tax_names={
            "S": "{tax} {rate}",
            "Z": "{tax} {rate} (zero-rated)",
            "E": "{tax} {rate} (exempt)",
            "AE": "{tax} {rate} (reverse charge)",
            "K": "{tax} {rate} (intra-Community)",
            "G": "{tax} {rate} (export)",
            "O": "Not subject to {tax}",
        },
        withholding="To be withheld by the customer: {rate} of {base}, that is {amount} ({reason}).",
        exemptions={
            "Z": "Zero-rated supply.",
            "E": "Exempt from VAT.",
            "AE": "Reverse charge: VAT is to be accounted for by the recipient of the services.",
            "K": "Intra-Community supply, exempt from VAT (Article 138 of Directive 2006/112/EC).",
            "G": "Export, exempt from VAT.",
            "O": "Outside the scope of VAT.",
        },
        terms="Payable within {days} days, by {date}, without deduction.",
        retained="{retained} of it is retained as holdback and due only with its release; {due} is due by that day.",
        terms_at_once="Payable on receipt, by {date}, without deduction.",
        terms_credit="This amount is credited to your account; nothing is to be paid.",
        payment="Payment",
        pay_to="Payee",
        iban="IBAN",
        bic="BIC",
        bank="Bank",
        account="Account",
        routing="Routing code",
        reference="Reference",
        qr_caption="Scan with your banking app to pay {amount}.",
        pay_by_transfer="Please pay {amount} by bank transfer and quote {reference}.",
        pay_no_account="Please ask {contact} for the account to pay {amount} to and quote {reference}.",
        tax_id="VAT ID",
        registration="Registration",
        contact="Contact",
        page="Page",
        page_of="of",
        units={
            "C62": ("", ""),
            "HUR": ("h", "h"),
            "DAY": ("day", "days"),
            "WEE": ("week", "weeks"),
            "MON": ("month", "months"),
            "LS": ("lump sum", "lump sums"),
            "KMT": ("km", "km"),
        },
    ),
    "de": InvoiceTexts(
        titles={"invoice": "Rechnung", "credit_note": "Rechnungskorrektur"},
        number="Nummer",
        issued_on="Datum",
        due_on="Zahlbar bis",
        service_period="Leistungszeitraum",
        purchase_order="Bestellung",
        contract="Vertrag",
        version="Fassung {version}",
        clause="Ziffer {clause}",
        project="Projekt",
        milestone="Meilenstein",
        accepted="abgenommen am {date}",
        accepted_by="abgenommen am {date} von {person}",
        accepted_by_only="abgenommen von {person}",
        change_order="Nachtrag",
        change_order_signed="unterzeichnet am {date}",
        bill_to="Rechnung an",
        sender="Von",
        position="Nr.",
        description="Bezeichnung",
        quantity="Menge",
        unit_price="Einzelpreis",
        amount="Betrag",
        net="Nettobetrag",
        taxable="auf {amount}",
        gross="Gesamtbetrag",
        credit_total="Gutgeschriebener Betrag",
        credits="Korrektur zu Rechnung",
        credit_reason="Grund",
        replaces="Ersetzt Rechnung",
        invoice_of="{number} vom {date}",
        tax_words={"": "USt.", "CH": "MWST", "LI": "MWST"},
        tax_names={
            "S": "{tax} {rate}",
            "Z": "{tax} {rate} (Nullsatz)",
            "E": "{tax} {rate} (steuerfrei)",
            "AE": "{tax} {rate} (Reverse Charge)",
            "K": "{tax} {rate} (innergemeinschaftlich)",
            "G": "{tax} {rate} (Ausfuhr)",
            "O": "Nicht steuerbar",
        },
        withholding="Vom Kunden einzubehalten: {rate} von {base}, das sind {amount} ({reason}).",
        exemptions={
            "Z": "Umsatz zum Nullsatz.",
            "E": "Steuerfreie Leistung.",
            "AE": "Steuerschuldnerschaft des Leistungsempfängers.",
            "K": "Steuerfreie innergemeinschaftliche Lieferung (Artikel 138 der Richtlinie 2006/112/EG).",
            "G": "Steuerfreie Ausfuhrlieferung.",
            "O": "Nicht steuerbare Leistung.",
        },
        terms="Zahlbar innerhalb von {days} Tagen bis zum {date} ohne Abzug.",
        retained="{retained} davon sind als Sicherheitseinbehalt erst mit der Freigabe fällig, {due} bis zu diesem Tag.",
        terms_at_once="Zahlbar sofort, spätestens bis zum {date}, ohne Abzug.",
        terms_credit="Dieser Betrag wird Ihrem Konto gutgeschrieben; es ist nichts zu zahlen.",
        payment="Zahlung",
        pay_to="Empfänger",
        iban="IBAN",
        bic="BIC",
        bank="Bank",
        account="Konto",
        routing="Bankleitzahl",
        reference="Verwendungszweck",
        qr_caption="Mit der Banking-App scannen und {amount} zahlen.",
        pay_by_transfer="Bitte überweisen Sie {amount} mit dem Verwendungszweck {reference}.",
        pay_no_account="Bitte erfragen Sie bei {contact} das Konto für die Zahlung von {amount}; Verwendungszweck {reference}.",
        tax_id="USt-IdNr.",
        registration="Register",
        contact="Kontakt",
        page="Seite",
        page_of="von",
        units={
            "C62": ("", ""),
            "HUR": ("Std.", "Std."),
            "DAY": ("Tag", "Tage"),
            "WEE": ("Woche", "Wochen"),
            "MON": ("Monat", "Monate"),
            "LS": ("pauschal", "pauschal"),
            "KMT": ("km", "km"),
        },
    ),
    "fr": InvoiceTexts(
        titles={"invoice": "Facture", "credit_note": "Avoir"},
        number="Numéro",
        issued_on="Date",
        due_on="À payer avant le",
        service_period="Période de prestation",
        purchase_order="Bon de commande",
        contract="Contrat",
        version="version {version}",
        clause="clause {clause}",
        project="Projet",
        milestone="Jalon",
        accepted="accepté le {date}",
        accepted_by="accepté le {date} par {person}",
        accepted_by_only="accepté par {person}",
        change_order="Avenant",
        change_order_signed="signé le {date}",
        bill_to="Facturé à",
        sender="De",
        position="N°",
        description="Désignation",
        quantity="Quantité",
        unit_price="Prix unitaire",
        amount="Montant",
        net="Montant HT",
        taxable="sur {amount}",
        gross="Total TTC",
        credit_total="Total crédité",
        credits="Avoir sur la facture",
        credit_reason="Motif",
        replaces="Remplace la facture",
        invoice_of="{number} du {date}",
        tax_words={"": "TVA"},
        tax_names={
            "S": "{tax} {rate}",
            "Z": "{tax} {rate} (taux zéro)",
            "E": "{tax} {rate} (exonéré)",
            "AE": "{tax} {rate} (autoliquidation)",
            "K": "{tax} {rate} (intracommunautaire)",
            "G": "{tax} {rate} (exportation)",
            "O": "Non soumis à la TVA",
        },
        withholding="À retenir par le client : {rate} de {base}, soit {amount} ({reason}).",
        exemptions={
            "Z": "Opération au taux zéro.",
            "E": "Exonéré de TVA.",
            "AE": "Autoliquidation : la TVA est due par le preneur.",
            "K": "Livraison intracommunautaire exonérée de TVA (article 138 de la directive 2006/112/CE).",
            "G": "Exportation exonérée de TVA.",
            "O": "Opération hors du champ de la TVA.",
        },
        terms="Payable sous {days} jours, au plus tard le {date}, sans escompte.",
        retained="{retained} en sont retenus en garantie et dus à leur libération ; {due} sont dus à cette date.",
        terms_at_once="Payable à réception, au plus tard le {date}, sans escompte.",
        terms_credit="Ce montant est porté au crédit de votre compte ; rien n’est à payer.",
        payment="Paiement",
        pay_to="Bénéficiaire",
        iban="IBAN",
        bic="BIC",
        bank="Banque",
        account="Compte",
        routing="Code banque",
        reference="Référence",
        qr_caption="Scannez avec votre application bancaire pour payer {amount}.",
        pay_by_transfer="Merci de régler {amount} par virement en indiquant {reference}.",
        pay_no_account="Merci de demander à {contact} le compte où régler {amount}, en indiquant {reference}.",
        tax_id="N° TVA",
        registration="Immatriculation",
        contact="Contact",
        page="Page",
        page_of="sur",
        units={
            "C62": ("", ""),
            "HUR": ("h", "h"),
            "DAY": ("jour", "jours"),
            "WEE": ("semaine", "semaines"),
            "MON": ("mois", "mois"),
            "LS": ("forfait", "forfaits"),
            "KMT": ("km", "km"),
        },
    ),
}
