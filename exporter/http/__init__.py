"""Outgoing requests: one client for HTTP, TLS, proxies and Unix sockets, over plain sockets.

answer           the answer to a request, and the reason and message of each failure
inflate          decompresses a body
message          requests as bytes; credentials
multiplexer      watches all sockets in one epoll
deadlines        when a request times out
resolve          looks up host names
dial             connects to the first address that accepts
tls_socket       TLS that reads a bounded number of bytes at a time
opening          opens a connection: name, TCP, proxy, TLS
answer_reader    reads an answer, within limits
redirect         the request that follows a redirect within the origin
http_connection  the connection of a target: one request at a time
pool             all connections: limits, and when idle ones close
client           sends requests: with a callback, or awaited
token            values of a login's answer
shared_login     a login that many polls share
oauth2           requests a token from a token endpoint
declared_login   logs in as a system declares
connections      the clients and logins of all targets
"""
