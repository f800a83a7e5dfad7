"""Outgoing requests: one client for HTTP, TLS, proxies and Unix sockets, on sockets of our own.

answer           the answer to a request, and the reason and message of every failure
inflate          decompresses a body
message          requests as they are sent; credentials
multiplexer      watches all sockets in one epoll
resolve          looks up host names
dial             connects to the first address that accepts
tls_socket       TLS that reads a bounded number of bytes at a time
opening          name, TCP, proxy, TLS: a connection on its way
answer_reader    reads one answer, within limits
http_connection  one open connection, one exchange at a time
deadlines        when a request is given up
pool             all connections: idle ones, limits
client           sends requests: with a callback, or awaited
redirect         follows redirects within the origin
token            values of a login's answer
shared_login     a login that many polls share
oauth2           a token from a token endpoint
declared_login   a login that a system declares
connections      the clients and logins of all targets
"""
