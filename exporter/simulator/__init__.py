"""Simulated servers of the four vendors, for `demo` and the tests: what they send, not how they work.

Figures follow the vendors' documents and, for Webitel and FreeSWITCH, their code. What no source
shows is invented; the docstring of each module names it.

pace            time and load
heap            the memory of a process with a garbage collector
access          HTTP Basic authentication
genesys_ucs     Genesys UCS
mdworkbench     MDWorkbench Server
game_server     the life of one game server
clanforge       the Clanforge API
freeswitch      FreeSWITCH and its status text
webitel_worker  a worker process of a Webitel engine
webitel_body    its answer in three formats
webitel_login   its logins and tokens
webitel         the Webitel engine
app             all servers behind one listener
demo            the servers and the configuration of the demo
"""
