"""Sets a state of a vendor's server: an order goes in, one request goes out, readings confirm it.

This alone writes to a vendor. Nothing that polls or serves can import it; the command line does,
when a person asks for it.

order         a target and words of the command line become what is to be sent
single_write  sends it, exactly once, and reports whether the server may have changed
operation     reads before and after, until the state shows
"""
