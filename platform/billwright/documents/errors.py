"""Refusals of documents."""

from billwright.documents.limits import Limit
from billwright.kernel.errors import ConflictError, DomainError, NotFoundError


class DocumentNotReadyError(NotFoundError):
    """The invoice is there, its PDF is not made yet. 404."""

    code = "document-not-ready"


class DocumentDamagedError(DomainError):
    """The stored file is gone or is not what its hash says; it is never handed out, nor made again differently. 503."""

    code = "document-damaged"


class EinvoiceInvalidError(ConflictError):
    """The e-invoice of an issued invoice breaks the rules, so nothing is sent. 409."""

    code = "einvoice-invalid"


class DocumentStoppedError(DomainError):
    """Making a document ran over a limit, or ended its process, and was stopped. 422.

    ``limit`` says which; the facts name it, the template and its version.
    """

    code = "document-stopped"

    def __init__(self, detail: str, *, limit: Limit, template: str, version: str) -> None:
        super().__init__(detail, limit=limit, template=template, version=version)
        self.limit: Limit = limit
