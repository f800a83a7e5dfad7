"""Sets a state of a vendor's server: sends one request, and polls the target until the state shows.

No other package writes to a vendor. Code that polls or serves cannot import this one; only the
command line does.

order         the checked request for a target, from the words of the command line
single_write  sends it exactly once, and reports whether the server may have changed
operation     reads the state before and after the write
"""
