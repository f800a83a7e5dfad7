"""What serves HTTP for any exporter: TLS, users, limits, sockets, and messages to systemd.

notify        sd_notify(3)
address       where to listen, as exporters write it
sockets       addresses, or what systemd passed -> bound sockets
web_settings  what a web configuration file says; web_config, web_values and web_file read it
server_tls    the settings of TLS -> an SSL context; `certificates` follow their changes
users         passwords
limit         the rate of requests
negotiate     the request's headers -> format and compression
inbound       who asks at the port -> who has to leave
guard         what the web configuration does not allow stops here
connection    the bytes of one connection -> what `inbound` has to know of it
handshake     a TLS handshake -> a connection
listen        the application and addresses -> a site that answers, until it ends
headers       what every answer has
"""
