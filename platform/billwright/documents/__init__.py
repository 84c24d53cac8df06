"""Documents: the PDF of an invoice, the text and HTML of mails, and the files that hold them.

In: frozen content, a brand, a template set. Does: formats for the reader's language, lays out, archives by content hash.
Out: PDF/A-3 bytes and mails in which nothing but the brand's own name appears.
"""
