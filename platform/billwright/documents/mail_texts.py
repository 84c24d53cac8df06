"""What mails say in each language. One frozen value per language, so that a missing text is a type error."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderTone:
    """One step of a reminder policy. Placeholders: brand, count_invoices, total, oldest_days, date."""

    subject: str
    opening: str
    request: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTexts:
    """Words and sentences of mails. Placeholders in braces are filled by ``documents.mail``."""

    greeting: str
    greeting_unknown: str
    subjects: dict[str, str]
    """Subject of the mail that brings a document, by document type."""
    openings: dict[str, str]
    """First sentence, by document type."""
    due: str
    button_invoice: str
    button_reminder: str
    question: str
    question_mail: str
    regards: str
    amount: str
    due_on: str
    number: str
    purchase_order: str
    milestones: str
    open: str
    days_overdue: str
    days_overdue_one: str
    disputed: str
    disputed_note: str
    total_open: str
    invoices: tuple[str, str]
    """Singular and plural: ``one invoice``, ``{count} invoices``."""
    accepted: str
    accepted_by: str
    pay_to: str
    tones: tuple[ReminderTone, ReminderTone, ReminderTone]


MAIL_TEXTS: Final[dict[str, MailTexts]] = {
    "en": MailTexts(
        greeting="Dear {person},",
        greeting_unknown="Dear Sir or Madam,",
        subjects={
            "invoice": "Invoice {number} from {brand}: {total}, due {date}",
            "credit_note": "Credit note {number} from {brand}: {total}",
        },
        openings={
            "invoice": "Please find attached our invoice {number} for {total}.",
            "credit_note": "Please find attached our credit note {number} for {total}. Nothing is to be paid.",
        },
        due="It is payable by {date}.",
        button_invoice="View invoice",
        button_reminder="View and pay",
        question="If anything is unclear, just reply to this message.",
        question_mail="If anything is unclear, reply to this message or write to {email}.",
        regards="Kind regards",
        amount="Amount",
        due_on="Due by",
        number="Invoice",
        purchase_order="Purchase order",
        milestones="For",
        open="Open",
        days_overdue="{days} days overdue",
        days_overdue_one="1 day overdue",
        disputed="in dispute, not reminded: {amount}",
        disputed_note=(
            "{amount} of these invoices is in dispute. It is left out of this reminder until that is settled."
        ),
        total_open="Total to pay",
        invoices=("one invoice", "{count} invoices"),
        accepted="{milestone}, accepted {date}",
        accepted_by="{milestone}, accepted {date} by {person}",
        pay_to="Please pay to {holder}, {account}, and quote the invoice number.",
        tones=(
            ReminderTone(
                subject="A friendly reminder from {brand}: {total} open",
                opening=(
                    "Perhaps it slipped through: {invoices} for work that you have accepted {are} past the due date."
                ),
                request=(
                    "Would you have a look and arrange payment in the coming days? If it is on its way, thank you, and "
                    "please ignore this."
                ),
            ),
            ReminderTone(
                subject="Second reminder from {brand}: {total} overdue",
                opening=(
                    "We wrote to you before about {invoices}, the oldest now {oldest_days} days past its due date. We "
                    "have received neither payment nor a question."
                ),
                request=(
                    "Please pay {total} by {date}, or tell us today what keeps you from it, so that we can mend it."
                ),
            ),
            ReminderTone(
                subject="Final reminder from {brand}: {total} to pay by {date}",
                opening=(
                    "Despite our reminders, {invoices} {are} still unpaid, the oldest {oldest_days} days past its due "
                    "date."
                ),
                request=(
                    "This is our final reminder. If {total} has not arrived by {date}, we will have to take further "
                    "steps, which may add interest and costs."
                ),
            ),
        ),
    ),
    "de": MailTexts(
        greeting="Guten Tag {person},",
        greeting_unknown="Sehr geehrte Damen und Herren,",
        subjects={
            "invoice": "Rechnung {number} von {brand}: {total}, zahlbar bis {date}",
            "credit_note": "Rechnungskorrektur {number} von {brand}: {total}",
        },
        openings={
            "invoice": "im Anhang finden Sie unsere Rechnung {number} über {total}.",
            "credit_note": (
                "im Anhang finden Sie unsere Rechnungskorrektur {number} über {total}. Es ist nichts zu zahlen."
            ),
        },
        due="Sie ist zahlbar bis zum {date}.",
        button_invoice="Rechnung ansehen",
        button_reminder="Ansehen und zahlen",
        question="Ist etwas unklar, antworten Sie einfach auf diese Nachricht.",
        question_mail="Ist etwas unklar, antworten Sie auf diese Nachricht oder schreiben Sie an {email}.",
        regards="Mit freundlichen Grüßen",
        amount="Betrag",
        due_on="Zahlbar bis",
        number="Rechnung",
        purchase_order="Bestellung",
        milestones="Für",
        open="Offen",
        days_overdue="{days} Tage überfällig",
        days_overdue_one="1 Tag überfällig",
        disputed="strittig, nicht angemahnt: {amount}",
        disputed_note=(
            "{amount} dieser Rechnungen sind strittig. Dieser Betrag ist nicht Teil der Erinnerung, bis das "
            "geklärt ist."
        ),
        total_open="Zu zahlen",
        invoices=("eine Rechnung", "{count} Rechnungen"),
        accepted="{milestone}, abgenommen am {date}",
        accepted_by="{milestone}, abgenommen am {date} von {person}",
        pay_to="Bitte zahlen Sie an {holder}, {account}, und nennen Sie die Rechnungsnummer.",
        tones=(
            ReminderTone(
                subject="Freundliche Erinnerung von {brand}: {total} offen",
                opening=(
                    "vielleicht ist es untergegangen: Für abgenommene Leistungen {are} {invoices} über das Zahlungsziel "
                    "hinaus offen."
                ),
                request=(
                    "Würden Sie bitte nachsehen und die Zahlung in den nächsten Tagen veranlassen? Ist sie schon "
                    "unterwegs, danken wir Ihnen; dann ist dieses Schreiben hinfällig."
                ),
            ),
            ReminderTone(
                subject="Zweite Zahlungserinnerung von {brand}: {total} überfällig",
                opening=(
                    "wir haben Sie bereits an offene Beträge erinnert: {invoices}, am längsten {oldest_days} Tage "
                    "überfällig. Bisher haben wir weder eine Zahlung noch eine Rückfrage erhalten."
                ),
                request=(
                    "Bitte zahlen Sie {total} bis zum {date}, oder sagen Sie uns heute, was dem entgegensteht, damit wir "
                    "es klären können."
                ),
            ),
            ReminderTone(
                subject="Letzte Mahnung von {brand}: {total} zahlbar bis {date}",
                opening=(
                    "trotz unserer Erinnerungen {are} {invoices} noch nicht bezahlt, am längsten {oldest_days} Tage "
                    "überfällig."
                ),
                request=(
                    "Dies ist unsere letzte Mahnung. Sind {total} nicht bis zum {date} eingegangen, müssen wir weitere "
                    "Schritte einleiten; dabei können Zinsen und Kosten hinzukommen."
                ),
            ),
        ),
    ),
    "fr": MailTexts(
        greeting="Bonjour {person},",
        greeting_unknown="Madame, Monsieur,",
        subjects={
            "invoice": "Facture {number} de {brand} : {total}, échéance {date}",
            "credit_note": "Avoir {number} de {brand} : {total}",
        },
        openings={
            "invoice": "Veuillez trouver ci-joint notre facture {number} d’un montant de {total}.",
            "credit_note": (
                "Veuillez trouver ci-joint notre avoir {number} d’un montant de {total}. Rien n’est à payer."
            ),
        },
        due="Elle est à régler au plus tard le {date}.",
        button_invoice="Voir la facture",
        button_reminder="Voir et payer",
        question="Si quelque chose n’est pas clair, répondez simplement à ce message.",
        question_mail="Si quelque chose n’est pas clair, répondez à ce message ou écrivez à {email}.",
        regards="Cordialement",
        amount="Montant",
        due_on="Échéance",
        number="Facture",
        purchase_order="Bon de commande",
        milestones="Pour",
        open="Restant dû",
        days_overdue="{days} jours de retard",
        days_overdue_one="1 jour de retard",
        disputed="contesté, non relancé : {amount}",
        disputed_note=(
            "{amount} de ces factures est contesté. Ce montant est exclu de la relance jusqu’à son règlement."
        ),
        total_open="À payer",
        invoices=("une facture", "{count} factures"),
        accepted="{milestone}, accepté le {date}",
        accepted_by="{milestone}, accepté le {date} par {person}",
        pay_to="Merci de payer à {holder}, {account}, en indiquant le numéro de facture.",
        tones=(
            ReminderTone(
                subject="Rappel amical de {brand} : {total} en attente",
                opening=(
                    "Cela vous a peut-être échappé : pour des prestations que vous avez acceptées, l’échéance est passée "
                    "pour {invoices}."
                ),
                request=(
                    "Pourriez-vous vérifier et régler dans les prochains jours ? Si le paiement est en route, nous vous "
                    "en remercions ; ne tenez pas compte de ce message."
                ),
            ),
            ReminderTone(
                subject="Deuxième relance de {brand} : {total} en retard",
                opening=(
                    "Nous vous avons déjà écrit au sujet de montants en attente : {invoices}, avec jusqu’à {oldest_days} "
                    "jours de retard. Nous n’avons reçu ni paiement ni question."
                ),
                request=(
                    "Merci de régler {total} au plus tard le {date}, ou de nous dire aujourd’hui ce qui l’empêche, afin "
                    "que nous y remédiions."
                ),
            ),
            ReminderTone(
                subject="Dernière relance de {brand} : {total} à régler avant le {date}",
                opening=(
                    "Malgré nos relances, le paiement se fait attendre pour {invoices}, avec jusqu’à {oldest_days} jours "
                    "de retard."
                ),
                request=(
                    "Ceci est notre dernière relance. Si {total} ne nous est pas parvenu au plus tard le {date}, nous "
                    "devrons engager d’autres démarches, qui peuvent entraîner des intérêts et des frais."
                ),
            ),
        ),
    ),
}

PLURALS: Final = {"en": ("is", "are"), "de": ("ist", "sind"), "fr": ("est", "sont")}
