"""Simulated servers of the four vendors, for `demo` and the tests: what they send, not how they work.

Figures follow the vendors' documents and, for Webitel and FreeSWITCH, their code. What no source
shows is invented; the docstring of each module names it.
"""
