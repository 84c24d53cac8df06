"""Documents, mails and portal pages: HTML, CSS and fonts. They read only the documented page context."""
