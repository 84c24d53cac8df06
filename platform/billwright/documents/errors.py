"""Refusals of documents."""

from billwright.kernel.errors import DomainError, NotFoundError


class DocumentNotReadyError(NotFoundError):
    """The invoice is there, its PDF is not made yet. 404."""

    code = "document-not-ready"


class DocumentDamagedError(DomainError):
    """The stored file is gone or is not what its hash says; it is never handed out, nor made again differently. 503."""

    code = "document-damaged"
