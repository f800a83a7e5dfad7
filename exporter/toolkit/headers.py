"""What every answer bears, whatever it is an answer to."""

SAFE_HEADERS = {
    # The library would name itself and its version.
    "Server": "status-exporter",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
        " img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
